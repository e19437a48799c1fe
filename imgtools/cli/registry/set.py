"""imgtools registry set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.cli.registry._options import ApplyLog, Backup, Bare, KeyName, NoParents, User
from imgtools.errors import HostError, UsageError

if TYPE_CHECKING:
    from imgtools.change.change import RegistrySet

LARGEST = 2 << 20  # bytes of a value that is read from a file; a value has one MiB at most
EXAMPLES = (
    r"imgtools registry set win.qcow2 'HKLM\SYSTEM\CurrentControlSet\Services\viostor' Start 0 --type dword --write",
    r"imgtools registry set win.qcow2 'HKLM\SOFTWARE\Policies\Example' Servers a b c --type multi_sz --write",
    r"imgtools registry set win.qcow2 'HKU\alice\Environment' TEMP '%USERPROFILE%\t' --type expand_sz --write",
    r"imgtools registry set --hive NTUSER.DAT 'Software\Example' Blob @blob.bin --type binary --write",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    name: KeyName,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] VALUE",
            help="The value's name, and what it becomes. @FILE and - read that from a file or standard input; "
            "@@ is one @.",
            show_default=False,
        ),
    ],
    type_: Annotated[
        str,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="sz, expand_sz, multi_sz (a VALUE a text), dword, qword, binary (hexadecimal), none, or a number. "
            "Without it, the type that the value has, or sz.",
        ),
    ] = "",
    default: Annotated[
        bool, typer.Option("--default", help="The key's default value, which has no name.")
    ] = False,
    user: User = "",
    no_create_parents: NoParents = False,
    apply_log: ApplyLog = False,
    backup: Backup = False,
    hive: Bare = False,
) -> None:
    r"""Set a value of a registry key.

    The key is made with its parents if it is missing. CurrentControlSet is the control set that boots next. What is
    written is read back by hivex before anything is committed.
    """
    from imgtools.workflows.registry_edit import How, set_value

    value, texts = ("", words) if default else (words[0], words[1:])
    if not texts:
        raise UsageError("name the value and what it becomes", hint="--default sets the one without a name")
    given = [_given(one) for one in texts]
    how = How(hive, user, apply_log, backup, not no_create_parents)
    with out.progress("Writing") as progress:
        report = set_value(
            source,
            target,
            name,
            lambda old: _wanted(value, type_ or old or "sz", given),
            value="" if value == "@" else value,
            how=how,
            progress=progress,
        )
    show_plan(out, report)


def _given(word: str) -> str | bytes:
    """Return what a word of the command line stands for: itself, or the content of a file."""
    if word.startswith("@@"):
        return word[1:]
    if word != "-" and not word.startswith("@"):
        return word
    try:
        with sys.stdin.buffer if word == "-" else Path(word[1:]).open("rb") as stream:
            return stream.read(LARGEST)
    except OSError as error:
        raise HostError(
            f"cannot read {word[1:]}: {error.strerror}", hint="a text that begins with @ is written @@"
        ) from None


def _wanted(name: str, type_: str, given: list[str | bytes]) -> RegistrySet:
    from imgtools.change.registry import typed_value

    return typed_value(name, type_, given)
