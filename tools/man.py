"""The man pages: `make man` writes them to build/man, one for each command and one for imgtools itself.

They are made from what `make docs` makes its pages from. go-md2man of Debian turns Markdown into man's language.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from imgtools import __version__
from imgtools.cli.command.listing import by_section
from tools.docs import Command, Word, commands

ROOT = Path(__file__).resolve().parent.parent
SECTION = 1  # of the manual: programs
ABOUT = (
    "Each command opens the disk image of a guest that does not run: read-only, unless it is told to write. "
    "A change is a plan first, which is shown; **--write** applies it, whole or not at all."
)
CODES = (
    ("0", "done"),
    ("1", "done, and something was found: a difference, a finding, something left over"),
    ("2", "wrong usage of the command line"),
    ("3", "any other named error"),
    ("10 to 19", "the image"),
    ("20 to 29", "the guest"),
    ("30 to 39", "an engine"),
    ("40 to 49", "an edit, or what a new disk is to be made of"),
    ("70", "a bug in imgtools"),
    ("128 + n", "ended by signal n; changes were rolled back"),
)
FILES = (
    ("~/.cache/imgtools", "what is made once: the appliance's start, marks of how this host's KVM behaves"),
    ("~/.config/imgtools/backing-folders", "folders of templates that images may name as backing files"),
)
_MARKS = re.compile(r"([\\<>*_|~#])")
_CODE = re.compile(r"(`[^`]*`)")


def pages(moment: datetime) -> dict[str, str]:
    """Return every page in Markdown by its file name, such as ``imgtools-df.1``.

    :param moment: the date below each page.
    """
    found = list(commands())
    made = {f"imgtools-{one.name.replace(' ', '-')}.{SECTION}": _page(one, moment) for one in found}
    return made | {f"imgtools.{SECTION}": _overview(found, moment)}


def rendered(markdown: str) -> str:
    """Return a page in man's own language.

    :raises CalledProcessError: go-md2man refuses it.
    """
    ran = subprocess.run(["go-md2man"], input=markdown, capture_output=True, text=True, check=True)
    return ran.stdout


def _page(command: Command, moment: datetime) -> str:
    name = f"imgtools-{command.name.replace(' ', '-')}"
    arguments = [word for word in command.words if not word.panel]
    usage = " ".join(_escaped(word.spelling) for word in arguments)
    parts = [
        _head(name, moment),
        f"# NAME\n\n{_escaped(name)} - {_escaped(command.summary.rstrip('.'))}",
        f"# SYNOPSIS\n\n**imgtools {command.name}** [*OPTIONS*] {usage}".rstrip(),
        f"# DESCRIPTION\n\n{_prose(command.text or command.summary)}",
    ]
    if arguments:
        parts += [f"# ARGUMENTS\n\n{_list(arguments)}"]
    for panel in dict.fromkeys(word.panel for word in command.words if word.panel):
        words = [word for word in command.words if word.panel == panel]
        parts += [f"# {_escaped(panel.upper())}\n\n{_list(words)}"]
    notes = [_prose(inspect.cleandoc(note)) for note in command.notes]
    parts += ["# NOTES\n\n" + "\n\n".join(notes)] if notes else []
    parts += [f"# EXAMPLES\n\n{_verbatim(command.examples)}"]
    parts += ["# EXIT STATUS\n\nThose of **imgtools**(1).", "# SEE ALSO\n\n**imgtools**(1)"]
    return "\n\n".join(parts) + "\n"


def _overview(found: Sequence[Command], moment: datetime) -> str:
    parts = [
        _head("imgtools", moment),
        "# NAME\n\nimgtools - read, change, repair and clone the disks of virtual machines that are switched off",
        "# SYNOPSIS\n\n**imgtools** *COMMAND* [*OPTIONS*] *IMAGE* ...",
        f"# DESCRIPTION\n\n{ABOUT}",
        "# COMMANDS",
    ]
    for section, members in by_section():
        rows = [
            (f"**imgtools-{one.name.replace(' ', '-')}**(1)", one.summary)
            for member in members
            for one in found
            if one.name.split()[0] == member.name
        ]
        parts += [f"## {section}\n\n{_definitions((term, _escaped(text)) for term, text in rows)}"]
    parts += [
        "# EXIT STATUS\n\n" + _definitions((f"**{code}**", text) for code, text in CODES),
        "# FILES\n\n" + _definitions((f"*{_escaped(path)}*", text) for path, text in FILES),
        "# SEE ALSO\n\n**qemu-img**(1), **guestfs**(3), **virt-inspector**(1)",
    ]
    return "\n\n".join(parts) + "\n"


def _head(name: str, moment: datetime) -> str:
    return f'% "{name.upper()}" "{SECTION}" "{moment:%B %Y}" "imgtools {__version__}" "imgtools"'


def _list(words: Sequence[Word]) -> str:
    return _definitions(
        (
            f"**{_escaped(word.spelling)}**",
            _prose(word.text) + (" Required." if word.required and word.panel else ""),
        )
        for word in words
    )


def _definitions(rows: Iterator[tuple[str, str]]) -> str:
    return "\n\n".join(f"{term}\n: {' '.join(text.split())}" for term, text in rows)


def _verbatim(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _prose(text: str) -> str:
    """Escape what Markdown would take for a mark, but for `code` and lists."""
    plain = text.replace("\b\n", "").replace("``", "`")
    pieces = _CODE.split(plain)
    return "".join(_code(piece) if piece.startswith("`") else _escaped(piece) for piece in pieces)


def _code(piece: str) -> str:
    return f"**{_escaped(piece.strip('`'))}**" if piece.strip("`").strip() else piece


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)


def main(words: list[str] | None = None) -> int:
    """Write every page."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.man", description="Write the man pages.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "man", help="where to")
    folder: Path = parser.parse_args(words).folder
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(
        int(os.environ.get("SOURCE_DATE_EPOCH", datetime.now(UTC).timestamp())), UTC
    )
    for name, text in pages(moment).items():
        (folder / name).write_text(rendered(text), encoding="utf-8")
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
