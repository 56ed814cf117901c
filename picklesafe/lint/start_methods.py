"""How the checked code's workers are started where nobody says otherwise: by `fork`, or by pickle."""

from __future__ import annotations

from typing import Final, NamedTuple

PLATFORMS: Final = ("linux", "macos", "windows")
_NAMES: Final = {"macos": "macOS", "windows": "Windows"}
_FORKSERVER: Final = (3, 14)
"""The Python that made `forkserver` the default on Linux."""


class Target(NamedTuple):
    """What the checked code is for.

    Args:
        python: the oldest Python that it runs on, if that is known.
        platforms: the platforms that it runs on.
    """

    python: tuple[int, int] | None = None
    platforms: tuple[str, ...] = PLATFORMS

    @property
    def always_pickles(self) -> bool:
        """Whether workers get what they work with by pickle on all platforms and Pythons."""
        return "linux" not in self.platforms or self._never_forks

    @property
    def _never_forks(self) -> bool:
        return self.python is not None and self.python >= _FORKSERVER

    @property
    def where_pickled(self) -> str:
        """Where that is the default, in words."""
        places = [_NAMES[name] for name in self.platforms if name in _NAMES]
        if "linux" in self.platforms:
            places.append("Linux" if self._never_forks else "Linux from Python 3.14 on")
        return places[0] if len(places) == 1 else f"{', '.join(places[:-1])} and {places[-1]}"


ANYWHERE: Final = Target()
"""All platforms, and whatever Python."""
