"""The command in a fork of this process: it answers as a new one does, without Python and its modules to be loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """What `picklesafe` with these arguments prints, and its exit status.

    Args:
        folder: its working directory.
        environment: its variables.
        given: its standard input.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        child = os.fork()
        if child == 0:
            _be_the_command([stdin, stdout, stderr], arguments, folder, environment)
        _, status = os.waitpid(child, 0)
        return subprocess.CompletedProcess(
            ["picklesafe", *arguments], os.waitstatus_to_exitcode(status), _content(stdout), _content(stderr)
        )


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def _be_the_command(
    streams: Sequence[IO[bytes]], arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> NoReturn:
    status = 70
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream.fileno(), number)
        # pytest's own stand in their places; as new as those of a process, and as little closed by others.
        sys.stdin, sys.stdout, sys.stderr = (
            open(0, closefd=False),
            open(1, "w", closefd=False),
            open(2, "w", closefd=False),
        )
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        from picklesafe.cli.main import main

        status = main(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
