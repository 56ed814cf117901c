"""Any notebook, whatever its cells hold and however it is written: only the mended argument changes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from picklesafe.lint.edits import fix_file
from tests.lint.project import settings as project

WRONG = "def make(n):\n    return DataLoader([1], num_workers=n, prefetch_factor=2)  # 𝄞 é \u2028\n"
MENDED = WRONG.replace("=2)", "=2 if n > 0 else None)")

anything = st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=6,
)
harmless = st.sampled_from(
    [
        "",
        "x = 1",
        "%matplotlib inline\n",
        "!ls | wc\n# é\n",
        "%%bash\nprefetch_factor=2 (\n",
        "print?",
        "y = '''\n%a\n'''",
    ]
)
writers = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 1, 2, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    }
)


@st.composite
def notebooks(draw: st.DrawFn) -> dict[str, Any]:
    """One with a cell that is to be mended somewhere."""
    texts = ["from torch.utils.data import DataLoader", *draw(st.lists(harmless, max_size=3))]
    texts.insert(draw(st.integers(1, len(texts))), WRONG)
    cells: list[dict[str, Any]] = []
    for text in texts:
        if draw(st.booleans()):
            cells.append({"cell_type": "markdown", "metadata": {}, "source": draw(anything)})
        source = text.splitlines(keepends=True) if "\u2028" not in text else text.split("\n")
        lines = source if "\u2028" not in text else [line + "\n" for line in source[:-1]]
        cells.append(
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": draw(st.dictionaries(anything, values, max_size=2)),
                "outputs": [{"output_type": "stream", "name": "stdout", "text": draw(anything), "extra": draw(values)}],
                "source": lines if draw(st.booleans()) else "".join(lines),
            }
        )
    spec = {"kernelspec": {"name": "python3", "display_name": "é", "language": "python"}}
    return {"cells": cells, "metadata": spec, "nbformat": 4, "nbformat_minor": 5, "more": draw(values)}


@given(notebooks(), writers)
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
def test_nothing_else_changes(book: dict[str, Any], style: dict[str, Any]) -> None:
    before = json.dumps(book, **style)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "book.ipynb")
        path.write_text(before, encoding="utf-8", errors="surrogatepass", newline="")
        result = fix_file(str(path), project(Path(folder)), unsafe=False)
    assert result.applied == 1
    after = result.before.encode(result.after).decode()
    assert after == before.replace("prefetch_factor=2)", "prefetch_factor=2 if n > 0 else None)")
    assert MENDED in ["".join(cell["source"]) for cell in json.loads(after)["cells"]]
