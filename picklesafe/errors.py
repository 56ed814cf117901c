"""The errors of picklesafe, under one base."""

from __future__ import annotations


class PickleSafeError(Exception):
    """The base of every error that picklesafe raises on purpose."""


class ConfigurationError(PickleSafeError):
    """A configuration file or an option that `picklesafe check` can't follow."""
