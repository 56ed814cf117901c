"""Colours and links, in a terminal of its own: only where it can show them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="this platform has no pseudo-terminals")
LINK = "\x1b]8;;"
COMMAND = [sys.executable, "-m", "picklesafe", "check", "--no-cache", "--output-format", "concise"]


@pytest.fixture
def shown(project, environment):
    """What a terminal with these variables is sent."""

    def shown(*arguments: str, **variables: str) -> str:
        ours, theirs = pty.openpty()
        plain = {name: environment[name] for name in ("PATH", "PYTHONPATH") if name in environment}
        process = subprocess.Popen([*COMMAND, *arguments], cwd=project, env=plain | variables, stdout=theirs)
        os.close(theirs)
        sent = b""
        try:
            while more := os.read(ours, 10_000):
                sent += more
        except OSError:  # how Linux says that the other side is closed
            pass
        os.close(ours)
        assert process.wait() == 1
        return sent.decode().replace("\r\n", "\n")

    return shown


@pytest.mark.parametrize(
    "variables",
    [
        {"TERM": "xterm-kitty"},
        {"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"},
        {"TERM": "xterm-256color", "VTE_VERSION": "7200"},
        {"TERM": "xterm", "FORCE_HYPERLINK": "1"},
    ],
)
def test_names_are_links_where_they_are_shown(shown, project, variables):
    address = f"file://{socket.gethostname()}{project}/bad.py"
    assert shown(**variables).startswith(f"\x1b[1m{LINK}{address}\x1b\\bad.py{LINK}\x1b\\\x1b[0m\x1b[1;96m:")


@pytest.mark.parametrize(
    "variables",
    [
        {"TERM": "xterm-256color"},
        {"TERM": "linux", "VTE_VERSION": "4000"},
        {"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"},
        {"TERM": "xterm-kitty", "CI": "true"},
    ],
)
def test_elsewhere_there_are_colours_alone(shown, variables):
    text = shown(**variables)
    assert LINK not in text
    assert text.startswith("\x1b[1mbad.py\x1b[0m")


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm-kitty", "NO_COLOR": "1"}])
def test_without_colours_there_are_no_links(shown, variables):
    assert "\x1b" not in shown(**variables)
    assert "\x1b" not in shown("--color", "never", TERM="xterm-kitty", FORCE_HYPERLINK="1")


def test_a_pipe_gets_neither_unless_it_is_forced_to(run, environment):
    environment["TERM"] = "xterm-kitty"
    assert "\x1b" not in run("check").stdout
    environment |= {"FORCE_COLOR": "1", "FORCE_HYPERLINK": "1"}
    assert LINK in run("check", env=environment).stdout


def test_odd_names_stay_within_their_link(shown, project):
    (project / "bad.py").rename(project / "a b\x07é;%.py")
    text = shown(TERM="xterm-kitty")
    assert f"{project}/a%20b%07%C3%A9%3B%25.py\x1b\\a b␇é;%.py{LINK}" in text
