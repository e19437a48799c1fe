"""What is wrong with the words of a user: what it is, and on the next line what to type instead."""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from imgtools.cli.command.peers import in_group, instead_of
from imgtools.cli.command.several import COMMANDS as SEVERAL
from imgtools.cli.command.typer_adapter import Complaint
from imgtools.errors import UsageError

PROGRAM = "imgtools"
_EXTRA = re.compile(r"unexpected extra argument.*? \((.*)\)")
# Options of commands, which some type before the command.
OF_COMMANDS = frozenset(
    {"--json", "--quiet", "-q", "--verbose", "-v", "-vv", "--progress", "--engine", "--key"}
)


def unknown_command(path: str, words: Sequence[str], known: Sequence[str]) -> UsageError:
    """Return the error for a first word that is no command.

    :param path: of the program or group that was asked: ``imgtools snapshot``.
    :param words: the unknown word, and what stands behind it.
    """
    help = f"{path} --help"
    hint = instead_of(words, known) if path == PROGRAM else ""
    if not hint and path == PROGRAM and os.path.lexists(words[0]):
        hint = f"the command stands before the image: {PROGRAM} inspect {shlex.quote(words[0])}"
    if not hint:
        same = in_group(words[0], known) if path != PROGRAM else ""
        near = [same] if same else difflib.get_close_matches(words[0], known)
        hint = f"did you mean {', '.join(near)}? or: {help}" if near else help
    return UsageError(f"no such command {words[0]!r}", hint=hint)


def usage_error(complaint: Complaint) -> UsageError:
    """Return the error for what typer complains about."""
    help = f"{complaint.path} --help"
    hint = f"did you mean {', '.join(complaint.near)}? or: {help}" if complaint.near else help
    if complaint.path == PROGRAM and complaint.option in OF_COMMANDS:
        hint = f"options stand behind the command: imgtools COMMAND {complaint.option}"
    elif complaint.option == "--output" and not complaint.near:
        hint = f"a new image that the command is for is named without an option; {help}"
    elif (extra := _EXTRA.search(complaint.message)) and any(
        Path(word).exists() for word in extra[1].split()
    ):
        hint = f"one image at a time; several take {', '.join(SEVERAL)}. {help}"
    message = re.sub(r"\s+", " ", complaint.message)
    return UsageError(message[:1].lower() + message[1:].rstrip("."), hint=hint)
