"""`picklesafe completion`: what the shells themselves make of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from picklesafe.cli import completion
from tests.thoroughness import on_one_python

pytestmark = on_one_python

SHELLS = ("bash", "zsh", "fish")
ROOT = Path(completion.__file__).parent.parent.parent
CASES = {
    "picklesafe ch": ["check"],
    "picklesafe check --output-f": ["--output-file", "--output-format"],
    "picklesafe check --output-format j": ["json", "json-lines", "junit"],
    "picklesafe check --select PKS101,PKS111,PKS11": [f"PKS101,PKS111,PKS11{n}" for n in (1, 2, 3, 4)],
    "picklesafe rule PKS10": [f"PKS10{n}" for n in (1, 2, 3, 4, 5)],
    "picklesafe check --baseline pyp": ["pyproject.toml"],
    "picklesafe check CHANGE": ["CHANGELOG.md"],
}


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None or os.name == "nt", reason=f"{shell} isn't installed")


@pytest.fixture(params=SHELLS)
def shell(request):
    return request.param


@pytest.fixture
def script(run, shell, tmp_path):
    """The file that a user would write."""
    result = run("completion", shell)
    assert (result.returncode, result.stderr) == (0, "")
    path = tmp_path / f"completion.{shell}"
    path.write_text(result.stdout)
    return path


def test_what_is_printed_is_what_the_options_are_now(shell):
    """If not: python -m picklesafe.cli.completion."""
    assert (ROOT / f"picklesafe/cli/completions/{shell}.txt").read_text() == completion.scripts()[shell]


def test_another_shell_is_an_error(run):
    result = run("completion", "fsh")
    assert result.returncode == 2
    assert "invalid choice 'fsh'; did you mean 'fish'?" in result.stderr


@pytest.mark.parametrize("shell", ["bash"], indirect=True)
@pytest.mark.parametrize("line", CASES)
@needs("bash")
def test_bash_completes(script, line):
    words = " ".join(f"'{word}'" for word in line.split(" "))
    given = f"source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))"
    asked = "$(complete -p picklesafe | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"
    code = f"{given}; {asked}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    assert sorted(printed("bash", "-c", code)) == CASES[line]


@pytest.mark.parametrize("shell", ["fish"], indirect=True)
@pytest.mark.parametrize("line", CASES)
@needs("fish")
def test_fish_completes(script, line):
    lines = printed("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'")
    assert sorted({found.partition("\t")[0] for found in lines}) == CASES[line]


# zsh completes at a prompt alone: one of its own, in a terminal that a module of zsh makes.
ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=""; autoload -Uz compinit; compinit -u -D; source {script}; compdef _shtab_picklesafe picklesafe'
zpty -w shell 'zstyle ":completion:*" list-prompt ""; LISTMAX=1000; bindkey "^I" complete-word'
zpty -w shell 'show() {{ print -r -- "<$LBUFFER>"; zle kill-buffer }}; zle -N show; bindkey "^X" show; print rea""dy'
zpty -r -m shell line '*ready*'
zpty -n -w shell $'{line}\\t\\x18'
zpty -r -m shell line '*<*>*'
print -r -- "$line"
"""


@pytest.mark.parametrize("shell", ["zsh"], indirect=True)
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("picklesafe ch", "picklesafe check "),
        ("picklesafe check --output-format gitl", "picklesafe check --output-format gitlab "),
        ("picklesafe check --select PKS101,PKS111,PKS90", "picklesafe check --select PKS101,PKS111,PKS90"),
        ("picklesafe rule PKS1051", "picklesafe rule PKS1051"),
        ("picklesafe check --baseline pyp", "picklesafe check --baseline pyproject.toml "),
        ("picklesafe check CHANGE", "picklesafe check CHANGELOG.md "),
    ],
)
@needs("zsh")
def test_zsh_completes(script, line, completed):
    shown = "".join(printed("zsh", "-f", "-c", ZSH.format(script=script, line=line)))
    assert f"<{completed}>" in shown


def printed(*command: str) -> list[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()
