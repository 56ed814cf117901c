"""Worker-safe datasets for PyTorch: handles reopened in every worker, loader arguments checked."""

__version__ = "0.1.0"
