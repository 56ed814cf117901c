"""What datasets carry to their workers: the facts for PKS201 and its neighbours."""
