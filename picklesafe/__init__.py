"""PyTorch loaders that work with any number of workers: `picklesafe check` finds the arguments that don't."""

__version__ = "0.1.0"
