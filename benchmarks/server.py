"""How long one keystroke's diagnostics take, beside ruff's server: `python benchmarks/server.py`.

Drives the real servers over stdio (`pip install -e '.[lsp]' ruff==0.17.5`). The file is made
here: 2,000 lines of models and training functions, several of them with loaders. A call
is typed into it character by character, so that most versions in between are no Python, and a comment, so that
all are; each time is from didChange to the
publishDiagnostics of that version. "Without debounce" asks the server not to wait for more to be typed.
ruff is asked for diagnostics in the same way, by a client that can't pull them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

_LINES = 2_000
_TYPED = {
    "a call": "    extra = DataLoader(dataset, num_workers=num_workers, prefetch_factor=4)",
    "a comment": "    # Every version of the file is Python while this is typed.",
}
_HEAD = "from __future__ import annotations\n\nimport torch\nfrom torch.utils.data import DataLoader\n\n"
_PART = '''
class Model{0}(torch.nn.Module):
    """A residual network of {0} layers."""

    def __init__(self, width: int, depth: int = {0}, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(width, width) for _ in range(depth)])
        self.dropout = torch.nn.Dropout(dropout)
        self.config = {{"width": width, "depth": depth, "dropout": dropout}}

    def forward(self, inputs, mask=None):
        hidden = inputs
        for index, layer in enumerate(self.layers):
            hidden = self.dropout(torch.relu(layer(hidden)) + hidden)
            if mask is not None and index % 2 == 0:
                hidden = hidden * mask[:, None]
        return {{"logits": hidden, "loss": hidden.mean() if self.training else None}}


def train_{0}(dataset, num_workers, epochs=10, batch_size=32):
    batches = {1}
    model = Model{0}(64)
    for epoch in range(epochs):
        for batch in batches:
            output = model(batch["inputs"], batch.get("mask"))
            output["loss"].backward()
            print(f"epoch {{epoch}}: {{output['loss'].item():.3f}}")
    return model

'''
_LOADER = "DataLoader(dataset, batch_size, num_workers=num_workers, prefetch_factor=2 if num_workers else None)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="how often the line is typed (default: 3)")
    parser.add_argument("--ruff", default="ruff", help="the ruff to compare with")
    arguments = parser.parse_args()
    ours = [sys.executable, "-m", "picklesafe", "server"]
    text = make_text()
    print(f"{text.count(chr(10))} lines, {len(text) // 1000} kB, {text.count('DataLoader(')} loaders")
    print("\n| server | typed | median ms | p95 ms | / ruff |\n|---|---|---|---|---|")
    for what, line in _TYPED.items():
        ruff = times([arguments.ruff, "server"], text, line, arguments.turns, {})
        _print("ruff server", what, ruff, ruff)
        _print("picklesafe, without debounce", what, times(ours, text, line, arguments.turns, {"debounce": 0}), ruff)
        _print("picklesafe, debounce of 50 ms", what, times(ours, text, line, arguments.turns, {}), ruff)


def _print(name: str, what: str, found: list[float], ruff: list[float]) -> None:
    middle = statistics.median(found)
    p95 = statistics.quantiles(found, n=20)[-1]
    print(f"| {name} | {what} | {middle:.1f} | {p95:.1f} | {middle / statistics.median(ruff):.1f} |", flush=True)


def make_text() -> str:
    """2,000 lines, in which every twelfth training function has a loader."""
    count = _LINES // _PART.count("\n") + 1
    parts = (_PART.format(number, _LOADER if number % 12 == 5 else "list(dataset)") for number in range(1, count + 1))
    return _HEAD + "".join(parts)


class Client:
    """Speaks just enough of the protocol with a server to type into one document."""

    def __init__(self, command: Sequence[str], folder: str) -> None:
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def send(self, method: str, params: Any, number: int | None = None) -> None:
        """Send a notification, or a request if it has a number."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        self._write(message if number is None else {**message, "id": number})

    def _write(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._process.stdin.flush()

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Read messages up to the one that is wanted; requests of the server are answered with null."""
        while True:
            message = self._read()
            if wanted(message):
                return
            if "method" in message and "id" in message:
                self._write({"jsonrpc": "2.0", "id": message["id"], "result": None})

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            sys.exit("the server has ended")
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message

    def end(self) -> None:
        self.send("shutdown", None, 2)
        self.until(lambda message: message.get("id") == 2)
        self.send("exit", None)
        self._process.wait(10)


def times(command: Sequence[str], text: str, line: str, turns: int, options: dict[str, Any]) -> list[float]:
    """Type `line` into the middle of `text`, `turns` times; milliseconds for each character."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "training.py")
        path.write_text(text)
        uri = path.as_uri()
        client = Client(command, folder)
        folders = [{"uri": Path(folder).as_uri(), "name": "benchmark"}]
        capabilities = {"textDocument": {"publishDiagnostics": {"versionSupport": True}}}
        params = {"processId": None, "rootUri": None, "capabilities": capabilities, "workspaceFolders": folders}
        client.send("initialize", {**params, "initializationOptions": options}, 1)
        client.until(lambda message: message.get("id") == 1)
        client.send("initialized", {})
        item = {"uri": uri, "languageId": "python", "version": 0, "text": text}
        client.send("textDocument/didOpen", {"textDocument": item})
        client.until(lambda message: _is_verdict(message, 0))
        row = text[: text.index("    model = Model36(64)")].count("\n")
        found = [_type(client, uri, row, version, *change) for version, change in enumerate(_changes(line, turns), 1)]
        client.end()
    return found


def _changes(line: str, turns: int) -> Iterator[tuple[int, int, str]]:
    yield 0, 0, "\n"
    for _ in range(turns):
        yield from ((column, column, character) for column, character in enumerate(line))
        yield 0, len(line), ""


def _type(client: Client, uri: str, row: int, version: int, start: int, end: int, typed: str) -> float:
    where = {"start": {"line": row, "character": start}, "end": {"line": row, "character": end}}
    document = {"uri": uri, "version": version}
    began = time.perf_counter()
    client.send(
        "textDocument/didChange", {"textDocument": document, "contentChanges": [{"range": where, "text": typed}]}
    )
    client.until(lambda message: _is_verdict(message, version))
    return (time.perf_counter() - began) * 1000


def _is_verdict(message: dict[str, Any], version: int) -> bool:
    published = message.get("method") == "textDocument/publishDiagnostics"
    return published and message["params"].get("version") == version


if __name__ == "__main__":
    main()
