r"""A program that Windows starts when it boots: by its own group policy, or at the end of its setup.

The policy of the machine itself is in ``System32\GroupPolicy``: ``gpt.ini`` names the extensions that have work, and a
version, by whose change Windows sees that it has to read the rest; ``Machine\Scripts\scripts.ini`` names the programs.
Sources: "Reset a local Windows password offline in an Azure VM" (learn.microsoft.com), which does this with a disk that
is attached elsewhere; [MS-GPOL] 2.2.4 gpt.ini; [MS-GPSCR] 2.2.2 scripts.ini. Of a Windows that waits for its setup:
"Add a custom script to Windows Setup" (learn.microsoft.com).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.errors import UnsupportedGuest
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.answers import waits_for_setup
from imgtools.guest.windows.registry import MACHINE, Registry
from imgtools.guest.windows.setup_state import COMPLETE, image_state

GPT = "System32/GroupPolicy/gpt.ini"
SCRIPTS = "System32/GroupPolicy/Machine/Scripts/scripts.ini"
SETUP_COMPLETE = "Setup/Scripts/SetupComplete.cmd"
LONGEST = 1 << 20  # bytes of one of these
EXTENSION = "{42B5FAAE-6536-11D2-AE5A-0000F87571E3}"  # Scripts
EDITOR = "{40B6664F-4972-11D1-A7CA-0000F87571E3}"  # of the machine's scripts
SWITCHED_OFF = rf"{MACHINE}\SOFTWARE\Policies\Microsoft\Windows\System"


def startup_changes(
    registry: Registry, command: str, setup_line: str, kept: str, kept_name: Callable[[str], str]
) -> Iterator[Change]:
    """Yield what has a program started when Windows boots, until somebody takes it back.

    :param command: the program, as Windows names it.
    :param setup_line: a line of a batch file that starts it at the end of setup, if that is still to come.
    :param kept: a folder of the guest for the policy's files as they were and as they are made, so that what is started
        can take it back.
    :param kept_name: the name there of a file as it was ("old") and as it is made ("new") follows it.
    :raises UnsupportedGuest: the guest is told to pass over its own policy.
    """
    files, root = registry.files, registry.systemroot
    if registry.number(SWITCHED_OFF, "DisableLGPOProcessing"):
        raise UnsupportedGuest(
            "nothing can be started when the guest boots: its own group policy is switched off (DisableLGPOProcessing)",
            hint="by a policy of its domain, or in its registry",
        )
    edits: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        (SCRIPTS, lambda content: with_startup_script(content, command)),
        (GPT, with_scripts_extension),
    )
    is_there = _has_script(files, join(root, SCRIPTS), command)
    for place, edit in edits if not is_there else ():
        path = join(root, place)
        old = _content(files, path)
        new = edit(old)
        name = join(kept, kept_name(place))
        yield MakeDirectory(kept)
        yield WriteFile(f"{name}.new", new)
        if files.is_file(path):
            yield WriteFile(f"{name}.old", old)
        yield MakeDirectory(parent_of(path))
        yield WriteFile(path, new)
    if image_state(registry) != COMPLETE or waits_for_setup(registry):
        yield from _at_end_of_setup(files, join(root, SETUP_COMPLETE), setup_line)


def _at_end_of_setup(files: GuestReader, path: str, line: str) -> Iterator[Change]:
    """In front of what is there, which may end with an exit."""
    old = _content(files, path)
    if line.encode() not in old.splitlines():
        yield MakeDirectory(parent_of(path))
        yield WriteFile(path, line.encode() + b"\r\n" + old)


def _content(files: GuestReader, path: str) -> bytes:
    return files.read_bytes(path, limit=LONGEST) if files.is_file(path) else b""


def _has_script(files: GuestReader, path: str, command: str) -> bool:
    old = _content(files, path)
    return bool(old) and with_startup_script(old, command) == old


# -- the files -------------------------------------------------------------------------------------------------


def with_startup_script(content: bytes, command: str) -> bytes:
    """Return scripts.ini in which a program is the last that is started; as it is, if it is there."""
    encoding, lines = _read(content)
    begin, end = _section(lines, "Startup")
    numbers = [-1]
    for line in lines[begin:end]:
        if found := re.match(r"(?i)\s*(\d{1,4})CmdLine\s*=\s*(.*?)\s*$", line):
            numbers.append(int(found[1]))
            if found[2].casefold() == command.casefold():
                return content
    number = max(numbers) + 1
    lines[end:end] = [f"{number}CmdLine={command}", f"{number}Parameters="]
    return _written(lines, encoding)


def with_scripts_extension(content: bytes) -> bytes:
    """Return gpt.ini in which the machine has scripts, with its next version: of the machine, the lower 16 bits."""
    encoding, lines = _read(content)
    begin, end = _section(lines, "General")
    names = _value(lines, begin, end, "gPCMachineExtensionNames")
    pairs = re.findall(r"\[[^\]]*\]", names)
    if not any(one.casefold().startswith(f"[{EXTENSION}".casefold()) for one in pairs):
        pairs = sorted([*pairs, f"[{EXTENSION}{EDITOR}]"], key=str.casefold)
    version = _value(lines, begin, end, "Version")
    number = int(version) if version.isascii() and version.isdigit() and len(version) <= 10 else 0
    number = (number & ~0xFFFF) | ((number & 0xFFFF) % 0xFFFF + 1)
    for name, value in (
        ("gPCFunctionalityVersion", _value(lines, begin, end, "gPCFunctionalityVersion") or "2"),
        ("gPCMachineExtensionNames", "".join(pairs)),
        ("Version", str(number)),
    ):
        _set(lines, "General", name, value)
    return _written(lines, encoding)


def _read(content: bytes) -> tuple[str, list[str]]:
    """Return the encoding of an INI file and its lines; bytes that are no Unicode stay what they are."""
    encoding, errors = "latin-1", "strict"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, errors = "utf-16", "replace"
    elif content.startswith(codecs.BOM_UTF8):
        encoding, errors = "utf-8-sig", "surrogateescape"
    lines = re.split(r"\r\n|\n|\r", content.decode(encoding, errors))
    return encoding, lines[:-1] if not lines[-1] else lines


def _written(lines: list[str], encoding: str) -> bytes:
    text = "".join(f"{line}\r\n" for line in lines)
    return text.encode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "strict")


def _section(lines: list[str], name: str) -> tuple[int, int]:
    """Return where a section's lines begin and end, without empty ones at its end; it is made if it is missing."""
    at = next((n for n, one in enumerate(lines) if one.strip().casefold() == f"[{name}]".casefold()), -1)
    if at < 0:
        while lines and not lines[-1].strip():
            lines.pop()
        lines.append(f"[{name}]")
        at = len(lines) - 1
    end = next((n for n in range(at + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    while end > at + 1 and not lines[end - 1].strip():
        end -= 1
    return at + 1, end


def _value(lines: list[str], begin: int, end: int, name: str) -> str:
    for line in lines[begin:end]:
        key, equals, value = line.partition("=")
        if equals and key.strip().casefold() == name.casefold():
            return value.strip()
    return ""


def _set(lines: list[str], section: str, name: str, value: str) -> None:
    begin, end = _section(lines, section)
    for number in range(begin, end):
        if lines[number].partition("=")[0].strip().casefold() == name.casefold():
            lines[number] = f"{name}={value}"
            return
    lines.insert(end, f"{name}={value}")
