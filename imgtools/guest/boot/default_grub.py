"""/etc/default/grub and /etc/default/grub.d: what grub-mkconfig makes grub.cfg of, shell assignments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader

MAIN = "/etc/default/grub"
PLACES = (MAIN, "/etc/default/grub.d/*.cfg")
LIMIT = 1 << 20
# One assignment: what comes before the value, the value, what comes after it.
CMDLINE = r"(?m)^([ \t]*{name}=[\"']?)([^\"'\n]*)([\"']?[ \t]*(?:#.*)?)$"


def _texts(files: GuestReader) -> dict[str, str]:
    """The files in the order in which they are read: the last assignment counts."""
    return {
        path: files.read_text(path, limit=LIMIT)
        for pattern in PLACES
        for path in files.glob(pattern)
        if files.is_file(path) and files.stat(path).size <= LIMIT
    }


def said_in_default_grub(files: GuestReader) -> str:
    """Return the arguments that grub-mkconfig would give a kernel beside its root; the last assignment counts."""
    said: dict[str, str] = {}
    for text in _texts(files).values():
        for name in ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"):
            for found in re.finditer(CMDLINE.format(name=name), text):
                said[name] = found[2]
    return " ".join(said[name] for name in sorted(said)).strip()


def edit_default_grub(
    files: GuestReader, is_to_go: Callable[[str], bool], added: Sequence[str]
) -> Iterator[Change]:
    """Yield the files with the kernel's arguments edited: taken away wherever they are, added in GRUB_CMDLINE_LINUX.

    :param is_to_go: whether an argument is to be taken away.
    """
    texts = _texts(files)
    if not texts:
        return
    both = CMDLINE.format(name="GRUB_CMDLINE_LINUX(?:_DEFAULT)?")
    only = CMDLINE.format(name="GRUB_CMDLINE_LINUX")
    holders = [path for path, text in texts.items() if re.search(only, text)]
    usual = " ".join(
        found[2]
        for text in texts.values()
        for found in re.finditer(CMDLINE.format(name="GRUB_CMDLINE_LINUX_DEFAULT"), text)
    ).split()
    missing = [one for one in added if one not in usual or is_to_go(one)]
    for path, text in texts.items():
        edited = re.sub(both, lambda found: found[1] + _without(found[2], is_to_go) + found[3], text)
        if missing and holders and path == holders[-1]:
            last = list(re.finditer(only, edited))[-1]
            said = last[2].split()
            value = " ".join([*said, *(one for one in missing if one not in said)])
            edited = edited[: last.start()] + _quoted(last, value) + edited[last.end() :]
        elif missing and not holders and path == next(iter(texts)):
            edited = f'{_ended(edited)}GRUB_CMDLINE_LINUX="{" ".join(missing)}"\n'
        if edited != text:
            yield WriteFile(path, edited.encode("utf-8", "surrogateescape"))


def rewrite_default_grub(files: GuestReader, edit: Callable[[str], str]) -> Iterator[Change]:
    """Yield the files with each list of the kernel's arguments edited, those for recovery left as they are."""
    both = CMDLINE.format(name="GRUB_CMDLINE_LINUX(?:_DEFAULT)?")
    for path, text in _texts(files).items():
        edited = re.sub(both, lambda found: found[1] + edit(found[2]) + found[3], text)
        if edited != text:
            yield WriteFile(path, edited.encode("utf-8", "surrogateescape"))


def _without(value: str, is_to_go: Callable[[str], bool]) -> str:
    tokens = value.split()
    kept = [one for one in tokens if not is_to_go(one)]
    return value if kept == tokens else " ".join(kept)


def _quoted(found: re.Match[str], value: str) -> str:
    """The assignment with another value; one that had no quotes gets them."""
    if found[1].endswith(("'", '"')):
        return found[1] + value + found[3]
    return f'{found[1]}"{value}"{found[3]}'


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def set_default_grub(files: GuestReader, values: dict[str, str]) -> Iterator[Change]:
    """Yield the files with some variables set, where they are assigned last, else at the end of the main file."""
    texts = _texts(files)
    if not texts:
        return
    edited = dict(texts)
    for name, value in values.items():
        pattern = rf"(?m)^[ \t]*{name}=.*$"
        holders = [path for path, text in edited.items() if re.search(pattern, text)]
        path = holders[-1] if holders else next(iter(edited))
        line = f'{name}="{value}"'
        if holders:
            edited[path] = re.sub(pattern, lambda _, line=line: line, edited[path])  # type: ignore[misc]
        else:
            edited[path] = f"{_ended(edited[path])}{line}\n"
    for path, text in edited.items():
        if text != texts[path]:
            yield WriteFile(path, text.encode("utf-8", "surrogateescape"))
