"""Jupyter notebooks: read as one program, reported by cell, mended in place."""
