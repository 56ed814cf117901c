"""An editor for tests: pygls' own client, talking to `picklesafe server` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

ROOT = Path(__file__).parents[2]
_PATIENCE = 60


class Editor:
    """Holds documents and what the server says of them."""

    def __init__(self, *folders: Path, encodings: list[str] | None = None, **options: Any) -> None:
        self.client = LanguageClient("test-editor", "1")
        self.folders = folders
        self.options = options
        self.encodings = encodings
        self.messages: list[str] = []
        self.logged: list[str] = []
        self.registered: list[types.Registration] = []
        self.published: list[types.PublishDiagnosticsParams] = []
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.result: types.InitializeResult
        self._news = asyncio.Condition()
        self._listen()

    async def __aenter__(self) -> Editor:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "picklesafe", "server"]
        await self.client.start_io(*command, env=environment, cwd=self.folders[0] if self.folders else None)
        kinds = [types.PositionEncodingKind(one) for one in self.encodings] if self.encodings else None
        watching = types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
        resolving = types.ClientCodeActionResolveOptions(["edit"])
        self.result = await self.client.initialize_async(
            types.InitializeParams(
                types.ClientCapabilities(
                    workspace=types.WorkspaceClientCapabilities(did_change_watched_files=watching),
                    general=types.GeneralClientCapabilities(position_encodings=kinds),
                    text_document=types.TextDocumentClientCapabilities(
                        code_action=types.CodeActionClientCapabilities(resolve_support=resolving)
                    ),
                ),
                initialization_options=self.options,
                workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name) for folder in self.folders],
            )
        )
        self.client.initialized(types.InitializedParams())
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.client.stopped:
            await self.end()

    @property
    def process(self) -> asyncio.subprocess.Process:
        process = self.client._server
        assert process is not None
        return process

    async def end(self) -> int:
        """Shut down as the protocol has it; the server's exit status."""
        await asyncio.wait_for(self.client.shutdown_async(None), _PATIENCE)
        self.client.exit(None)
        status = await asyncio.wait_for(self.process.wait(), _PATIENCE)
        await self.client.stop()
        return status

    def open(self, where: Path | str, text: str | None = None, language: str = "python") -> str:
        """Open a document, by default with what the file holds; its URI."""
        uri = where if isinstance(where, str) else where.as_uri()
        if text is None:
            assert isinstance(where, Path)
            text = where.read_bytes().decode()
        self.texts[uri], self.versions[uri] = text, 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def type(self, uri: str, old: str, new: str) -> int:
        """Replace the first `old` by `new`, as typing would: told as a range. The new version."""
        text = self.texts[uri]
        at = text.index(old)
        self.texts[uri] = text[:at] + new + text[at + len(old) :]
        where = types.Range(self._position(text, at), self._position(text, at + len(old)))
        return self._send(uri, types.TextDocumentContentChangePartial(where, new))

    def replace(self, uri: str, text: str) -> int:
        """Replace the whole text; the new version."""
        self.texts[uri] = text
        return self._send(uri, types.TextDocumentContentChangeWholeDocument(text))

    def close(self, uri: str) -> None:
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def save(self, uri: str) -> None:
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def tell(self, *paths: Path, kind: types.FileChangeType = types.FileChangeType.Changed) -> None:
        """Say that files have changed on the disk."""
        events = [types.FileEvent(path.as_uri(), kind) for path in paths]
        self.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(events))

    async def diagnostics(self, uri: str, version: int | None = 1) -> list[types.Diagnostic]:
        """What is published for a version of a document, once it is."""
        found = await self.until(lambda: self._latest(uri, version))
        return list(found.diagnostics)

    async def codes(self, uri: str, expected: list[str], version: int | None = 1) -> None:
        """Wait until exactly these codes are shown for a version."""
        await self.until(lambda: [one for one in [self._latest(uri, version)] if one and _codes(one) == expected])

    async def until(self, condition: Any) -> Any:
        """Wait for the server's news until `condition()` holds; what it returns."""
        async with self._news:
            try:
                return await asyncio.wait_for(self._news.wait_for(condition), _PATIENCE)
            except TimeoutError:
                raise AssertionError(f"never came; published: {self.published[-3:]}") from None

    async def actions(self, uri: str, diagnostic: types.Diagnostic, *only: str) -> list[types.CodeAction]:
        """What can be done about a diagnostic."""
        context = types.CodeActionContext([diagnostic], only=list(only) or None)  # type: ignore[arg-type]
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), diagnostic.range, context)
        found = await self.client.text_document_code_action_async(params)
        return [action for action in found or [] if isinstance(action, types.CodeAction)]

    def applied(self, edit: types.WorkspaceEdit) -> str:
        """The text of the one document that an edit changes."""
        [change] = edit.document_changes or []
        assert isinstance(change, types.TextDocumentEdit)
        uri = change.text_document.uri
        assert change.text_document.version == self.versions[uri]
        text = self.texts[uri]
        for one in sorted(
            change.edits, key=lambda one: (one.range.start.line, one.range.start.character), reverse=True
        ):
            text = (
                text[: self._offset(text, one.range.start)] + one.new_text + text[self._offset(text, one.range.end) :]
            )
        return text

    def shown(self, uri: str, range_: types.Range) -> str:
        """The text in a range."""
        text = self.texts[uri]
        return text[self._offset(text, range_.start) : self._offset(text, range_.end)]

    def _latest(self, uri: str, version: int | None) -> types.PublishDiagnosticsParams | None:
        latest = next((one for one in reversed(self.published) if one.uri == uri), None)
        return latest if latest is not None and latest.version == version else None

    def _send(self, uri: str, change: types.TextDocumentContentChangeEvent) -> int:
        self.versions[uri] += 1
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri])
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        return self.versions[uri]

    @property
    def _encoding(self) -> str:
        chosen = self.result.capabilities.position_encoding or "utf-16"
        return f"{getattr(chosen, 'value', chosen)}-le".replace("utf-8-le", "utf-8")

    def _position(self, text: str, at: int) -> types.Position:
        lines = text[:at].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return types.Position(len(lines) - 1, len(lines[-1].encode(self._encoding)) // self._unit)

    def _offset(self, text: str, position: types.Position) -> int:
        # Between the two characters of a line end there is no place.
        places = (at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n")
        return next(at for at in places if self._position(text, at) == position)

    @property
    def _unit(self) -> int:
        return {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}[self._encoding]

    def _listen(self) -> None:
        async def tell() -> None:
            async with self._news:
                self._news.notify_all()

        def keep(into: list[Any], value: Any) -> None:
            into.append(value)
            asyncio.get_running_loop().create_task(tell())

        feature = self.client.feature
        feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda params: keep(self.published, params))
        feature(types.WINDOW_SHOW_MESSAGE)(lambda params: keep(self.messages, params.message))
        feature(types.WINDOW_LOG_MESSAGE)(lambda params: keep(self.logged, params.message))

        @feature(types.CLIENT_REGISTER_CAPABILITY)
        def register(params: types.RegistrationParams) -> None:
            for one in params.registrations:
                keep(self.registered, one)


def _codes(published: types.PublishDiagnosticsParams) -> list[str]:
    return [str(one.code) for one in published.diagnostics]
