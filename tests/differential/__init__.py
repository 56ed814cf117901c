"""The linter's verdict against real torch's, over generated programs."""
