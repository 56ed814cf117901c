"""What a file looked like when its handle was dropped, and whether it still does."""

from __future__ import annotations

import functools
import os
import stat
from typing import Any, NamedTuple

from picklesafe.errors import HandleChangedError, HandleMissingError

Path = str | bytes


class Fingerprint(NamedTuple):
    """Size, time and identity of a file, as `os.stat` gives them.

    Attributes:
        path: absolute.
        size: bytes.
        modified: `st_mtime_ns`; None where the content may change by the handle's own writes.
        device, inode: `st_dev` and `st_ino`.
        host: the machine on which the rest was read; elsewhere a copy has another time and inode.
    """

    path: Path
    size: int
    modified: int | None
    device: int
    inode: int
    host: str

    @classmethod
    def of(cls, path: Path, descriptor: int | None = None, *, content: bool = True) -> Fingerprint | None:
        """The fingerprint of the file at `path`, or of the open `descriptor` that is known to be on it.

        The descriptor tells the truth about a file that was replaced while it was open. None for what isn't a
        regular file, or isn't there.
        """
        try:
            status = os.stat(path if descriptor is None else descriptor)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        modified = status.st_mtime_ns if content else None
        return cls(path, status.st_size, modified, status.st_dev, status.st_ino, host())

    def check(self) -> None:
        """Raises:
        HandleMissingError: the file is gone, or shorter than it was.
        HandleChangedError: it is another file, or was written to.
        """
        now = self.of(self.path, content=self.modified is not None)
        if now is None:
            raise HandleMissingError(
                f"{os.fsdecode(self.path)} is gone since the handle on it was dropped ({self.describe()})",
                remedy="Bring it back, or open the dataset anew",
            )
        if now.size < self.size:
            kind: type[HandleChangedError] | type[HandleMissingError] = HandleMissingError
        elif self.host != now.host:
            # A copy on another machine: its size is all that can be compared.
            kind = HandleChangedError
            if now.size == self.size:
                return
        elif now == self:
            return
        else:
            kind = HandleChangedError
        raise kind(
            f"{os.fsdecode(self.path)} isn't the file that was open: it was {self.describe()}, "
            f"now it is {now.describe()}",
            remedy="Open the dataset anew, or set check_unchanged = False in its class to read the file as it is now",
        )

    def describe(self) -> str:
        """As `1,024 bytes, modified 2026-11-21 06:52:33, inode 42`."""
        from datetime import datetime  # takes longer to import than the rest of this module, for errors alone

        parts = [f"{self.size:,} bytes"]
        if self.modified is not None:
            parts.append(f"modified {datetime.fromtimestamp(self.modified / 1e9):%Y-%m-%d %H:%M:%S.%f}")
        parts.append(f"inode {self.inode}")
        return ", ".join(parts)


@functools.cache
def host() -> str:
    """This machine's name, asked for once: it is in every fingerprint."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def absolute(path: Any) -> Any:
    """`path` from the root, of the same type (str, bytes, pathlib); symbolic links stay as they are, but for those by
    which a process names its own descriptors (`/dev/fd/3`), which lead elsewhere in every other."""
    plain = os.path.abspath(os.fspath(path))
    if _names_a_descriptor(os.fsdecode(plain)):
        plain = _led_to(plain)
    return plain if isinstance(path, str | bytes) else type(path)(plain)


def _names_a_descriptor(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name.isdigit() and (folder == "/dev/fd" or (folder.startswith("/proc/") and folder.endswith("/fd")))


def _led_to(link: Any) -> Any:
    """The path behind a descriptor's name, where there is a file under it."""
    try:
        found = os.readlink(link)
        return found if os.path.isabs(found) and os.path.samefile(found, link) else link
    except OSError:
        return link


def working_directory() -> tuple[int, int]:
    """Which directory it is, whatever it is called; zeros if it is gone."""
    try:
        status = os.stat(os.curdir)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


# Here, since this module comes with the first `import picklesafe`; what needs it comes with the first handle.
STARTED_IN = working_directory()
