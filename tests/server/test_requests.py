"""Requests that are given up, or about documents that go away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from .editor import GUARDED, UNGUARDED, Editor, runs


@runs
async def test_a_request_that_waits_for_findings_can_be_cancelled(patient_editor: Editor, tmp_path: Path) -> None:
    uri = patient_editor.open(tmp_path / "a.py", GUARDED)
    await patient_editor.codes(uri, [])
    patient_editor.type(uri, "2 if n > 0 else None", "2 if n")
    patient_editor.replace(uri, UNGUARDED)  # is judged in ten seconds
    protocol = patient_editor.client.protocol
    params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(4, 50))
    given_up, waiting = (
        protocol.send_request_async(types.TEXT_DOCUMENT_HOVER, params, msg_id=name) for name in ("one", "other")
    )
    protocol.notify(types.CANCEL_REQUEST, types.CancelParams("one"))
    with pytest.raises(JsonRpcException) as error:
        await asyncio.wait_for(given_up, 9)
    assert error.value.code == types.LSPErrorCodes.RequestCancelled
    assert not waiting.done()
    patient_editor.save(uri)
    assert "PKS111" in (await asyncio.wait_for(waiting, 9)).contents.value


@runs
async def test_a_request_about_a_document_that_is_closed_meanwhile_finds_nothing(
    patient_editor: Editor, tmp_path: Path
) -> None:
    uri = patient_editor.open(tmp_path / "a.py", GUARDED)
    await patient_editor.codes(uri, [])
    for _ in range(2):
        patient_editor.type(uri, "\n\n\n", "\n\n\n\n")
    asked = asyncio.create_task(patient_editor.hover(uri, types.Position(4, 50)))
    await asyncio.sleep(0)
    patient_editor.close(uri)
    assert await asyncio.wait_for(asked, 9) == ""
