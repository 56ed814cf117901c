"""The protocol's side: what the server offers, and who does it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import to_fs_path

import picklesafe
from picklesafe.server.actions import FIX_ALL, Actions
from picklesafe.server.buffers import Buffer
from picklesafe.server.convert import diagnostic, location
from picklesafe.server.documents import Verdict
from picklesafe.server.hover import Pages
from picklesafe.server.options import InitializationOptions
from picklesafe.server.positions import Places
from picklesafe.server.projects import CONFIGURATION_FILES, Projects
from picklesafe.server.session import Session

_ACTIONS = types.CodeActionOptions(
    code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL],
    resolve_provider=True,
)


class _Protocol(LanguageServerProtocol):
    """Leaves changes to the session.

    pygls has lines end at form feeds as well, so that it would put some changes in the wrong place, and
    it moves the places in the message itself.
    """

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Iterator[Any]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class Server(LanguageServer):
    """A language server with one session."""

    session: Session
    options = InitializationOptions()

    def __init__(self) -> None:
        super().__init__("picklesafe", picklesafe.__version__, protocol_cls=_Protocol)

    def begin(self, params: types.InitializeParams) -> None:
        """Set up the session as the client asks for."""
        self.options = InitializationOptions.of(params.initialization_options)
        projects = Projects(self.complain, self.options.trust_project_rules)
        encoding = str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding))
        self.session = Session(projects, self.publish, self.log_error, encoding, self.options.debounce / 1000)
        self.encoding = encoding
        self.set_folders()

    def set_folders(self) -> None:
        """Take over the folders that the editor has open."""
        uris = [folder.uri for folder in self.workspace.folders.values()]
        if not uris and self.workspace.root_uri:
            uris = [self.workspace.root_uri]
        self.session.projects.folders = [path.rstrip("/") or "/" for uri in uris if (path := to_fs_path(uri))]

    def complain(self, message: str) -> None:
        """Show the user what is wrong with the configuration."""
        self.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"picklesafe: {message}"))

    def log_error(self, message: str) -> None:
        """Tell of our own errors where the editor keeps its logs."""
        self.window_log_message(types.LogMessageParams(types.MessageType.Error, message))

    def publish(self, buffer: Buffer, verdict: Verdict | None) -> None:
        """Show the findings of a document."""
        found: list[types.Diagnostic] = []
        if verdict is not None and verdict.source is not None:
            places = Places(verdict.source, self.encoding)
            found = [
                diagnostic(finding, places, lambda place: location(place, self.encoding))
                for finding in verdict.findings
                if finding.code != "PKS901" or self.options.show_syntax_errors
            ]
        version = verdict.version if verdict is not None else None
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(buffer.uri, found, version))


def serve() -> int:
    """Talk over standard input and output until the client ends it; returns the exit status."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    server = Server()
    _add_documents(server)
    _add_workspace(server)
    _add_requests(server)
    # What a rule prints must not get between the messages.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        server.start_io(stdout=out)
    # As the protocol has it: an exit that no shutdown came before is a failure.
    return 0 if server.protocol._shutdown else 1


def _add_documents(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.session.open(params.text_document)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        server.session.change(document.uri, list(params.content_changes), document.version)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        server.session.save(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.session.close(params.text_document.uri)


def _add_workspace(server: Server) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.begin(params)

    @server.feature(types.INITIALIZED)
    async def initialized(params: types.InitializedParams) -> None:
        workspace = server.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace else None
        if watching and watching.dynamic_registration:
            await server.client_register_capability_async(types.RegistrationParams([_watching()]))

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        paths = [path for change in params.changes if (path := to_fs_path(change.uri))]
        if any(path.replace("\\", "/").rpartition("/")[2] in CONFIGURATION_FILES for path in paths):
            server.session.reload()
        server.session.disk_changed([path for path in paths if path.endswith((".py", ".pyi"))])

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders_changed(params: types.DidChangeWorkspaceFoldersParams) -> None:
        server.set_folders()
        server.session.reload()


def _watching() -> types.Registration:
    patterns = ("**/*.py", "**/*.pyi", *(f"**/{name}" for name in CONFIGURATION_FILES))
    watchers = [types.FileSystemWatcher(pattern) for pattern in patterns]
    options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
    return types.Registration("picklesafe-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)


def _add_requests(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, _ACTIONS)
    def actions(params: types.CodeActionParams) -> list[types.CodeAction] | None:
        current = server.session.current(params.text_document.uri)
        if current is None or current[1].source is None:
            return None
        buffer, verdict, _ = current
        actions = Actions(buffer.uri, verdict, server.encoding)
        found = list(actions.at(params.range, params.context.diagnostics))
        everything = actions.fix_all({"uri": buffer.uri, "version": verdict.version})
        if everything is not None:
            if not _resolves(server.client_capabilities):
                everything = _with_edit(server, everything)
            found.append(everything)
        return [action for action in found if _wanted(action, params.context.only)]

    @server.feature(types.CODE_ACTION_RESOLVE)
    def resolve(action: types.CodeAction) -> types.CodeAction:
        return _with_edit(server, action)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        current = server.session.current(params.text_document.uri)
        if current is None:
            return None
        _, verdict, checker = current
        return Pages(checker.loaded).hover(verdict, params.position, server.encoding)


def _with_edit(server: Server, action: types.CodeAction) -> types.CodeAction:
    """The action that fixes everything, with the edit for the version that it was offered for."""
    data: Any = action.data
    uri = data.get("uri") if isinstance(data, dict) else None
    current = server.session.current(uri) if isinstance(uri, str) else None
    if current is not None and current[1].source is not None and current[1].version == data.get("version"):
        buffer, verdict, checker = current
        watch = checker.watch(buffer.path, current[1].source.data)
        action.edit = Actions(buffer.uri, verdict, server.encoding).all_fixed(checker.settings, watch)
    return action


def _resolves(capabilities: types.ClientCapabilities) -> bool:
    document = capabilities.text_document
    support = document.code_action.resolve_support if document and document.code_action else None
    return support is not None and "edit" in support.properties


def _wanted(action: types.CodeAction, only: Any) -> bool:
    if only is None:
        return True
    kind = str(getattr(action.kind, "value", action.kind))
    wanted = [str(getattr(one, "value", one)) for one in only]
    return any(not one or kind == one or kind.startswith(f"{one}.") for one in wanted)
