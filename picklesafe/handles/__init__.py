"""Handles: objects tied to operating-system state of one process, and how each type is opened again elsewhere."""
