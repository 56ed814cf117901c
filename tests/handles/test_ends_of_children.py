"""Libraries that write what is unwritten when the process ends: in a child of `os.fork`, over the parent's data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

SCRIPT = """
import os, sys
from picklesafe import PickleSafeMixin, per_worker

path, held = sys.argv[1:3]
NUMBERS = [str(number) for number in range(300)]

{library}

class Holder(PickleSafeMixin):
    @per_worker
    def resource(self):
        return open_for_writing()

holder = Holder()
if held == "resource":
    file = holder.resource
else:
    file = open_for_writing()
    holder.held = {{"attribute": lambda: file, "list": lambda: [file], "part": lambda: part(file)}}[held]()
write(file, NUMBERS[:200])
ours, theirs = os.pipe()
child = os.fork()
if child == 0:
    os.close(theirs)
    os.read(ours, 1)
    sys.exit(0)
write(file, NUMBERS[200:])
file.close()
size = os.path.getsize(path)
os.close(theirs)
status = os.waitpid(child, 0)[1]
assert os.waitstatus_to_exitcode(status) == 0
assert read() == NUMBERS, read()
assert os.path.getsize(path) == size
"""

H5PY = """
import h5py

def open_for_writing():
    return h5py.File(path, "w", driver={driver!r})

def write(file, numbers):
    for number in numbers:
        file[f"{{number}}/x"] = int(number)

def part(file):
    return file.create_group("300")

def read():
    with h5py.File(path) as file:
        return [number for number in NUMBERS if file[number]["x"][()] == int(number)]
"""

NETCDF = """
import netCDF4

def open_for_writing():
    return netCDF4.Dataset(path, "w")

def write(file, numbers):
    for number in numbers:
        file.createGroup(number).createVariable("x", "i4")[...] = int(number)

def part(file):
    return file.createGroup("300")

def read():
    with netCDF4.Dataset(path) as file:
        return [number for number in NUMBERS if int(file[number]["x"][...]) == int(number)]
"""

PYTABLES = """
import tables

def open_for_writing():
    return tables.open_file(path, "w")

def write(file, numbers):
    for number in numbers:
        file.create_array(f"/g{number}", "x", [int(number)], createparents=True)

def part(file):
    return file.create_group("/", "g300")

def read():
    with tables.open_file(path) as file:
        return [number for number in NUMBERS if file.get_node(f"/g{number}/x")[0] == int(number)]
"""


@pytest.mark.parametrize("held", ["attribute", "list", "part", "resource"])
@pytest.mark.parametrize(
    ("library", "code"),
    [
        ("h5py", H5PY.format(driver=None)),
        ("h5py", H5PY.format(driver="stdio")),
        ("h5py", H5PY.format(driver="core")),
        ("netCDF4", NETCDF),
        ("tables", PYTABLES),
    ],
    ids=["h5py", "h5py stdio", "h5py core", "netCDF4", "PyTables"],
)
def test_what_the_parent_wrote_stays_as_it_is_when_a_child_ends(
    library: str, code: str, held: str, tmp_path: Path
) -> None:
    pytest.importorskip(library)
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(library=code), str(tmp_path / "out"), held],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 0, ended.stderr


TEXT = """
def open_for_writing():
    return open(path, "w")

def write(file, numbers):
    file.write("".join(f"{number}\\n" for number in numbers))

def read():
    return open(path).read().split()
"""


@pytest.mark.parametrize("held", ["attribute", "list", "resource"])
def test_what_pythons_files_have_not_written_yet_is_written_once(held: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(library=TEXT), str(tmp_path / "out"), held],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 0, ended.stderr
