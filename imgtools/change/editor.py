"""Let a person edit a text with a program of their own."""

from __future__ import annotations

import os

from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.process import run_for_person
from imgtools.errors import EditFailed, HostError, ToolMissing

NOT_FOUND = 127  # of a shell, for a command that is not there (POSIX.1-2017, 2.8.2)


def _named() -> str:
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""


def is_editor_named() -> bool:
    """Whether this user has said which editor to take."""
    return bool(_named())


def edit_with_program(content: bytes, name: str) -> bytes:
    """Open ``content`` in ``$VISUAL`` or ``$EDITOR`` (else vi), and return what was saved.

    The copy lies in a folder that only this user can enter, and is gone afterwards, whatever happens. Its last
    component is ``name``, so that editors know what kind of file it is. What the variable holds is for a shell.

    :raises EditFailed: the editor ended with an error, which means: do not change anything.
    :raises ToolMissing: there is no such editor.
    """
    editor = _named() or "vi"
    with scratch_folder() as folder:
        copy = folder / (name.rpartition("/")[2] or "file")
        copy.touch(mode=0o600)
        copy.write_bytes(content)
        # As git and crontab have it: whatever a shell understands, with the file behind it.
        code = run_for_person(["sh", "-c", f'{editor} "$@"', "editor", str(copy)])
        if code == NOT_FOUND:
            raise ToolMissing(f"there is no editor {editor!r}", hint="EDITOR names one that is installed")
        if code:
            raise EditFailed(f"{editor} ended with {code}; nothing was changed")
        try:
            return copy.read_bytes()
        except OSError as error:
            raise HostError(f"the edited copy cannot be read: {error.strerror}") from None
