"""Jupyter notebooks: read as one program, reported by cell, mended in place."""

from picklesafe.lint.notebook.notebook import Notebook

__all__ = ["Notebook"]
