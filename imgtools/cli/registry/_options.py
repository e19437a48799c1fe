"""What the registry commands take, beside an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

KeyName = Annotated[
    str, typer.Argument(metavar="KEY", help=r"As in regedit: HKLM\..., HKU\USER\...", show_default=False)
]
Bare = Annotated[
    bool,
    typer.Option(
        "--hive", help="IMAGE is a registry hive of this host: NTUSER.DAT; KEY is one below its root."
    ),
]
User = Annotated[str, typer.Option("--user", metavar="NAME", help="Whose HKEY_CURRENT_USER is meant.")]
ApplyLog = Annotated[
    bool, typer.Option("--apply-log", help="A hive that was not closed: write what only its log holds first.")
]
Backup = Annotated[bool, typer.Option("--backup", help="Keep the old hive beside it, with the ending .bak.")]
NoParents = Annotated[
    bool, typer.Option("--no-create-parents", help="Make no key whose parent is not there either.")
]
RegFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...", help=".reg files, in this order; - is standard input.", show_default=False
    ),
]


def read_reg_files(names: list[str]) -> list[tuple[str, bytes]]:
    """Return the .reg files that a person names, with their contents.

    :raises HostError: one cannot be read.
    """
    import sys

    from imgtools.errors import HostError, UsageError
    from imgtools.guest.windows.registry_merge import LARGEST_REG

    found = []
    for name in names:
        try:
            with sys.stdin.buffer if name == "-" else Path(name).open("rb") as stream:
                content = stream.read(LARGEST_REG + 1)
        except OSError as error:
            raise HostError(f"cannot read {name}: {error.strerror}") from None
        if len(content) > LARGEST_REG:
            raise UsageError(f"{name} has more than {LARGEST_REG >> 20} MiB", hint="merge it in parts")
        found.append(("standard input" if name == "-" else name, content))
    return found
