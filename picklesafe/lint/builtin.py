"""Pages of the codes that no rule module stands for: the engine reports them itself."""

from __future__ import annotations

PAGES = {
    "PKS901": """\
PKS901 syntax-error: the file is no Python of any version.

Nothing can be said about a file that can't be parsed, so it is reported whatever is selected, as silence
would look like a clean bill. Code that is valid in a newer Python than the running one is no syntax error.

Instead, mend the syntax, or leave the file out: `extend-exclude`, or `per-file-ignores = {"templates/*" = ["PKS901"]}`.
""",
    "PKS902": """\
PKS902 unused-suppression: a comment suppresses something that isn't found.

The mistake was mended, its code has changed, or the comment never stood where it counts. It will hide the next
mistake that is made there. Reported are codes of picklesafe's in `# noqa: …`, and `# picklesafe: ignore` and
`ignore-file` with and without codes; codes of rules that this run leaves out, other tools' codes and a `# noqa`
without codes are not judged.

Instead, remove the code, or the comment if nothing is left of it: `--fix` does. To keep one, add `PKS902` to it.
""",
    "PKS903": """\
PKS903 unreadable-file: the file can't be read as text.

There is no permission to read it, a symlink leads nowhere, its bytes are no text in the encoding that it
declares, it holds null bytes, or it is too large or too deeply nested to be analysed. It is reported whatever
is selected, as silence would look like a clean bill.

Instead, do what the message says, or leave the file out with `extend-exclude`.
""",
}

EXAMPLES: dict[str, dict[str, str | None]] = {
    "PKS901": {"loader = DataLoader(dataset, num_workers=n, prefetch_factor=2": None},
    "PKS902": {"batch_size = 8  # noqa: PKS111": "batch_size = 8"},
}
"""Code that is reported, with what its fix makes of it (None where there is none)."""
