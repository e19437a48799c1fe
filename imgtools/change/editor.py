"""Let a person edit a text with a program of their own."""

from __future__ import annotations

import os
import shlex

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.process import run_for_person
from imgtools.errors import EditFailed, HostError


def _named() -> str:
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""


def is_editor_named() -> bool:
    """Whether this user has said which editor to take."""
    return bool(_named())


def edit_with_program(content: bytes, name: str) -> bytes:
    """Open ``content`` in ``$VISUAL`` or ``$EDITOR`` (else vi), and return what was saved.

    The copy lies in a folder that only this user can enter, and is gone afterwards, whatever happens. Its last
    component is ``name``, so that editors know what kind of file it is.

    :raises EditFailed: the editor ended with an error, which means: do not change anything.
    :raises ToolMissing: there is no such editor.
    """
    editor = shlex.split(_named() or "vi")
    with scratch_folder() as folder:
        copy = folder / (name.rpartition("/")[2] or "file")
        copy.touch(mode=0o600)
        copy.write_bytes(content)
        code = run_for_person([*editor, str(copy)])
        if code:
            raise EditFailed(f"{editor[0]} ended with {code}; nothing was changed")
        try:
            return copy.read_bytes()
        except OSError as error:
            raise HostError(f"the edited copy cannot be read: {error.strerror}") from None
