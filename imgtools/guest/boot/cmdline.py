"""The arguments that a Linux guest's kernels are started with, in every place that has a say.

There are two kinds of places. From some the boot loader reads what it starts *now*: grub.cfg, the entries of the Boot
Loader Specification, menu.lst, extlinux.conf. From others these are *made* when a kernel is installed:
/etc/default/grub, /etc/kernel/cmdline. Both have to say the same, or the next update undoes the change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from imgtools.change.change import Change, WriteFile
from imgtools.errors import OddGuest, UnsupportedGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import EXTLINUX, GRUB2, GRUB2_ESP, GRUB_LEGACY
from imgtools.guest.boot.bootmenu import CONFIG_LIMIT, ESP_FOLDERS
from imgtools.guest.boot.default_grub import CMDLINE, edit_default_grub, rewrite_default_grub

# Arguments that mean something each time they are said; any other one is given one value.
REPEATED = ("console", "earlycon", "initrd", "ip", "module_blacklist", "modprobe.blacklist", "rd.luks.uuid",
            "rd.lvm.lv", "rd.md.uuid", "systemd.mask", "systemd.setenv", "systemd.wants", "video")  # fmt: skip
# Without what a shell, GRUB and the kernel itself would take for something else.
ARGUMENT = r"[A-Za-z0-9_][^\s\"'\\$`;{}&|<>()#\x00-\x1f\x7f]*"
TOKEN = r'(?:[^\s"]|"[^"]*")+'
# What the titles and ids of entries for recovery say.
RECOVERY = re.compile(r"recovery|rescue|single-user", re.IGNORECASE)
GRUBENV_SIZE = 1024  # GRUB writes the block in place: it never has another size


@dataclass(frozen=True, slots=True)
class Arguments:
    """What to add, and what to take away: ``quiet``, ``console=ttyS0`` or, with all its values, ``console``."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def edit(self, text: str) -> str:
        """Return a command line as it should be; as it is, if that is so already."""
        tokens = re.findall(TOKEN, text)
        kept = [one for one in tokens if not self.is_to_go(one)]
        added = [one for one in self.add if one not in kept]
        return text if [*kept, *added] == tokens else " ".join([*kept, *added])

    def is_to_go(self, token: str) -> bool:
        """Whether an argument is one to take away, or another value of one to add."""
        key = token.partition("=")[0]
        if token in self.remove or key in self.remove:
            return True
        others = [one for one in self.add if one.partition("=")[0] == key]
        return bool(others) and token not in others and key not in REPEATED


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What becomes of each argument that is there: another one, or None and it goes.

    ``of_recovery``: also in the entries for recovery, which are meant to say ``single``.
    """

    rewrite: Callable[[str], str | None]
    of_recovery: bool = True

    def edit(self, text: str) -> str:
        """Return a command line as it should be; what it would then say twice is said once."""
        tokens = re.findall(TOKEN, text)
        made: list[str] = []
        for token in tokens:
            new = self.rewrite(token)
            if new is not None and (new == token or (new not in tokens and new not in made)):
                made.append(new)
        return text if made == tokens else " ".join(made)


Wanted = Arguments | Rewriting


def rewrite_arguments(files: GuestReader, wanted: Rewriting) -> Iterator[Change]:
    """Yield every file that says arguments, with them rewritten; nothing where none changes."""
    for path, edit in _read_now(files):
        yield from rewrite(files, path, lambda text, edit=edit: edit(text, wanted))  # type: ignore[misc]
    yield from rewrite_default_grub(files, wanted.edit)
    for path, edit in (("/etc/kernel/cmdline", _whole), ("/etc/update-extlinux.conf", _extlinux_options)):
        if files.is_file(path):
            yield from rewrite(files, path, lambda text, edit=edit: edit(text, wanted))  # type: ignore[misc]


def parse_argument(text: str) -> str:
    """Return a kernel argument.

    :raises UsageError: it is none, or one that boot loaders would not pass on as it is.
    """
    if len(text) > 512 or not re.fullmatch(ARGUMENT, text):
        raise UsageError(
            f"not a kernel argument: {text!r}",
            hint="quiet, or console=ttyS0: no spaces, quotes or shell letters",
        )
    return text


def edit_arguments(files: GuestReader, wanted: Arguments) -> Iterator[Change]:
    """Yield every file that says the arguments, rewritten.

    :raises UnsupportedGuest: no boot loader's configuration was found.
    """
    places = list(_read_now(files))
    if not places:
        raise UnsupportedGuest(
            "no boot loader's configuration has the kernel's arguments",
            hint="known are GRUB, systemd-boot's and other BLS entries, extlinux; not unified kernel images",
        )
    for path, edit in places:
        yield from rewrite(files, path, lambda text, edit=edit: edit(text, wanted))  # type: ignore[misc]
    yield from edit_default_grub(files, wanted.is_to_go, wanted.add)
    for path, edit in (("/etc/kernel/cmdline", _whole), ("/etc/update-extlinux.conf", _extlinux_options)):
        if files.is_file(path):
            yield from rewrite(files, path, lambda text, edit=edit: edit(text, wanted))  # type: ignore[misc]


def rewrite(files: GuestReader, path: str, edit: Callable[[str], str]) -> Iterator[Change]:
    """Yield a file with its text edited, if that changes it."""
    if files.stat(path).size > CONFIG_LIMIT:
        raise OddGuest(f"{path} is larger than {CONFIG_LIMIT} bytes")
    text = files.read_text(path, limit=CONFIG_LIMIT)
    edited = edit(text)
    if edited != text:
        yield WriteFile(path, edited.encode("utf-8", "surrogateescape"))


Edit = Callable[[str, Wanted], str]


def _read_now(files: GuestReader) -> Iterator[tuple[str, Edit]]:
    """Yield the files from which boot loaders read arguments, each once, and how each is edited."""
    seen: set[str] = set()
    for patterns, edit in (
        ((*GRUB2, *GRUB2_ESP), _grub_cfg),
        ([f"{folder}/loader/entries/*.conf" for folder in ESP_FOLDERS], _entry),
        (GRUB_LEGACY, _menu_lst),
        (EXTLINUX, _extlinux),
        (("/boot/grub2/grubenv", "/boot/grub/grubenv", "/boot/efi/EFI/*/grubenv"), _grubenv),
    ):
        for path in _there(files, patterns):
            text = files.read_text(path, limit=CONFIG_LIMIT) if files.stat(path).size <= CONFIG_LIMIT else ""
            if (
                path not in seen
                and (edit is not _grubenv or "\nkernelopts=" in text)
                and _has_any(text, edit)
            ):
                seen.add(path)
                yield path, edit


def _there(files: GuestReader, patterns: Sequence[str]) -> Iterator[str]:
    for pattern in patterns:
        for path in files.glob(pattern):
            if files.is_file(path):
                yield files.resolve(path)


def _has_any(text: str, edit: Edit) -> bool:
    """Whether a file says any arguments: a grub.cfg on an ESP often only leads to another one."""
    return edit(text, Arguments(("imgtools.probe",))) != text


def _whole(text: str, wanted: Wanted) -> str:
    """A file that is a command line."""
    edited = wanted.edit(text.strip())
    return text if edited == text.strip() else f"{edited}\n"


def _extlinux_options(text: str, wanted: Wanted) -> str:
    """What Alpine's update-extlinux makes extlinux.conf of."""
    pattern = CMDLINE.format(name="default_kernel_opts")
    return re.sub(pattern, lambda found: f"{found[1]}{wanted.edit(found[2])}{found[3]}", text)


def _line(line: str, pattern: str, wanted: Wanted) -> str:
    """Edit the rest of a line that begins as the pattern says."""
    found = re.match(rf"({pattern})(\s*)([^\n]*?)(\s*)$", line)
    if found is None:
        return line
    start, space, text, end = found[1], found[2], found[3], found[4]
    edited = wanted.edit(text)
    if edited == text:
        return line
    return f"{start}{(space or ' ') if edited else ''}{edited}{end}"


def _grub_cfg(text: str, wanted: Wanted) -> str:
    """The linux lines and kernelopts of grub.cfg; what os-prober found are others' systems."""
    lines, others, recovery = [], False, False
    for line in text.splitlines(keepends=True):
        if re.match(r"\s*(menuentry|submenu)\s", line):
            recovery = RECOVERY.search(line) is not None
        if found := re.match(r"### (BEGIN|END) /etc/grub\.d/30_os-prober", line):
            others = found[1] == "BEGIN"
        left_out = recovery and isinstance(wanted, Rewriting) and not wanted.of_recovery
        if not others and not left_out and "memtest" not in line:
            line = _line(line, r"\s*linux(?:16|efi)?\s+\S+", wanted)
            line = re.sub(
                r'^(\s*set kernelopts=")([^"\n]*)(")', lambda m: m[1] + wanted.edit(m[2]) + m[3], line
            )
        lines.append(line)
    return "".join(lines)


def _entry(text: str, wanted: Wanted) -> str:
    """An entry of the Boot Loader Specification. ``$kernelopts`` stands in grubenv and is edited there."""
    lines = text.splitlines(keepends=True)
    if isinstance(wanted, Rewriting) and not wanted.of_recovery and RECOVERY.search(text):
        return text
    options = [number for number, line in enumerate(lines) if re.match(r"options[ \t]", line)]
    for number in options:
        only = wanted
        if isinstance(wanted, Arguments):
            only = Arguments(wanted.add if number == options[-1] else (), wanted.remove)
        if "$kernelopts" not in lines[number]:
            lines[number] = _line(lines[number], r"options(?=\s)", only)
    return "".join(lines)


def _menu_lst(text: str, wanted: Wanted) -> str:
    """GRUB legacy; ``# kopt=`` is what Debian's update-grub made the others of."""
    pattern = r"\s*kernel\s+(?:--\S+\s+)*\S+"
    edited = "".join(_line(line, pattern, wanted) for line in text.splitlines(keepends=True))
    return re.sub(r"(?m)^(# kopt=)(.*)$", lambda found: found[1] + wanted.edit(found[2]), edited)


def _extlinux(text: str, wanted: Wanted) -> str:
    pattern = r"\s*(?i:append)(?=\s)"
    return "".join(_line(line, pattern, wanted) for line in text.splitlines(keepends=True))


def _grubenv(text: str, wanted: Wanted) -> str:
    """GRUB's block of 1024 bytes, padded with #."""
    edited = re.sub(r"(?m)^(kernelopts=)(.*)()$", lambda m: m[1] + wanted.edit(m[2]), text.rstrip("#"))
    if edited == text.rstrip("#"):
        return text
    if len(edited.encode("utf-8", "surrogateescape")) > GRUBENV_SIZE:
        raise OddGuest(f"grubenv has {GRUBENV_SIZE} bytes, and the kernel's arguments do not fit in any more")
    return edited + "#" * (GRUBENV_SIZE - len(edited.encode("utf-8", "surrogateescape")))
