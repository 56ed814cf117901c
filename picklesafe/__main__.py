"""`python -m picklesafe`."""

# Before any other import: `python -m` puts the working directory first on the path, and the project that
# is checked may hold an `ast.py`. Code under check is read, never run. A child process that imports this
# module again has no such entry, nor has a Python started with -P.
import sys

if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]

    from picklesafe.cli.main import main

    sys.exit(main())
