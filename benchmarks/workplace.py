"""What the benchmark measures with and on: tools of pinned versions, and packages that anybody can install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

# By the name that is imported.
PACKAGES = {
    "transformers": "transformers==5.23.0",
    "mmdet": "mmdet==3.3.0",
    "lightning": "lightning==2.6.6",
    "timm": "timm==1.0.31",
    # With real findings: what it costs when there is something to say.
    "mmaction": "mmaction2==1.2.0",
    "stable_audio_tools": "stable-audio-tools==0.0.19",
}
TOOLS = {"ruff": "ruff==0.17.5", "torchfix": "torchfix==0.7.0"}


class Workplace(NamedTuple):
    """A folder with the tools and the packages; nothing else is written."""

    folder: Path

    def package(self, name: str) -> Path:
        """The folder of an installed package."""
        return self.folder / "packages" / name / name

    def program(self, environment: str, name: str) -> Path:
        """A program of one of the two environments."""
        return self.folder / environment / "bin" / name

    def prepare(self) -> None:
        """Install what isn't there yet, and picklesafe as it is now."""
        for name, requirement in PACKAGES.items():
            if not self.package(name).exists():
                # Without dependencies: their code is to be read, not run.
                _pip(
                    sys.executable,
                    "--no-deps",
                    "--only-binary=:all:",
                    "--target",
                    self.package(name).parent,
                    requirement,
                )
        for tool, requirement in TOOLS.items():
            if not self.program(f"{tool}-environment", tool).exists():
                _pip(_environment(self.folder / f"{tool}-environment"), requirement)
        python = self.program("picklesafe-environment", "python")
        if not python.exists():
            _pip(_environment(self.folder / "picklesafe-environment"), "-c", ROOT / "constraints.txt", ROOT)
        _pip(python, "--no-deps", "--force-reinstall", ROOT)


def _environment(folder: Path) -> Path:
    print(f"setting up {folder.name}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


def _pip(python: str | Path, *arguments: str | Path) -> None:
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"pip failed: {' '.join(map(str, arguments))}\n{done.stderr}")


def python_files(folder: Path) -> list[Path]:
    """The Python files below `folder`."""
    return [
        Path(place, name) for place, _, names in os.walk(folder) for name in names if name.endswith((".py", ".pyi"))
    ]
