"""Look at the new content of a guest's file before it is written: would the guest still understand it?

A syntax error in sudoers locks the administrator out, one in fstab stops the boot. What is not known here is not
judged.
"""

from __future__ import annotations

import fnmatch
import json
import re
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from imgtools.change.change import Change, Upload, WriteFile
from imgtools.change.contradictions import true_path
from imgtools.change.writable_tree import open_upload
from imgtools.engine.augeas_files import ConfigFile
from imgtools.engine.process import Fence, Kind, run
from imgtools.errors import EditFailed, GuestFileError, OddGuest, ToolMissing, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.account_files import WIDTH, bad_lines_of
from imgtools.guest.find.devices import Devices, is_passing
from imgtools.guest.find.fstab import FstabEntry, fields_of_fstab, parse_fstab
from imgtools.guest.find.mount_options import wrong_type
from imgtools.records.disks import Layout, Volume
from imgtools.records.system import Warned

ANYWAY = "--no-check writes it all the same"
# Files of a guest that lock people out of it, or stop its boot, when they are wrong: looked at in every plan.
DECISIVE = (
    "/etc/sudoers",
    "/etc/sudoers.d/*",
    "/etc/fstab",
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/*.conf",
    *WIDTH,
)
LARGEST = (
    4 << 20
)  # bytes of a file that is looked at; the largest that is meant here has some hundred kilobytes


@dataclass(frozen=True, slots=True)
class Problem:
    """What a guest would not understand in a file. ``is_fatal``: with it the guest may not boot, or let nobody in."""

    text: str
    line: int = 0  # from 1 on; 0: not known
    is_fatal: bool = True

    @property
    def words(self) -> str:
        """For people."""
        return f"line {self.line}: {self.text}" if self.line else self.text


def check_writes(
    changes: Sequence[Change],
    files: GuestReader,
    layout: Callable[[], Layout],
    root: Volume | None,
    *,
    thorough: bool,
    told: Collection[Warned] = (),
) -> tuple[Warned, ...]:
    """Look at what a plan writes; return what is odd but not wrong, and what was wrong before.

    Only what the plan brings in is refused: who mends one line of two must be let.

    :param thorough: look at every file of a kind that is known here, not only at the decisive ones.
    :param told: what a reader of the guest knows already; of it, what is as before is not told again.
    :raises EditFailed: the guest would not understand a file; the message says where.
    """
    found: list[Warned] = []
    for change in changes:
        if isinstance(change, (WriteFile, Upload)):
            path = true_path(change, files)
            if thorough or any(fnmatch.fnmatchcase(path, pattern) for pattern in DECISIVE):
                found += _look(path, _content(change), files, layout(), root, told)
    return tuple(found)


def _content(change: WriteFile | Upload) -> bytes:
    if isinstance(change, WriteFile):
        return change.content
    if change.size > LARGEST or change.packed:
        return b""
    with open_upload(change) as stream:
        return stream.read()


def _look(
    path: str,
    content: bytes,
    files: GuestReader,
    layout: Layout,
    root: Volume | None,
    told: Collection[Warned],
) -> Iterator[Warned]:
    if not content or len(content) > LARGEST:
        return
    found = problems_of(path, content, layout, root)
    if not found:
        return
    known = Counter(one.text for one in _problems_before(path, files, layout, root))
    for one in found:
        if one.is_fatal and not known[one.text]:
            raise EditFailed(f"{path}: {one.words}", hint=ANYWAY)
        was_so = known[one.text] > 0
        known[one.text] -= 1
        if not (was_so and Warned(one.words, path) in told):
            yield Warned(f"{one.words}{', as before' if was_so else ''}", path)


def _problems_before(
    path: str, files: GuestReader, layout: Layout, root: Volume | None
) -> tuple[Problem, ...]:
    try:
        return problems_of(path, files.read_bytes(path, limit=LARGEST), layout, root)
    except GuestFileError:
        return ()


def problems_of(path: str, content: bytes, layout: Layout, root: Volume | None) -> tuple[Problem, ...]:
    """Return what is wrong with the content of a file, or odd.

    :param path: the file's guest path, links resolved.
    """
    for pattern, check in CHECKS:
        if fnmatch.fnmatchcase(path, pattern):
            return tuple(check(path, content))
    if path == "/etc/fstab":
        return tuple(_check_fstab(content, layout, root))
    return tuple(_check_lens(path, content))


# What sudoers includes is of the guest; visudo would look for it in the host.
_INCLUDES = re.compile(rb"(?m)^[ \t]*[#@]include(dir)?\b.*$")


def _check_sudoers(path: str, content: bytes) -> Iterator[Problem]:
    content = _INCLUDES.sub(b"#", content)
    with tempfile.NamedTemporaryFile(prefix="imgtools-sudoers-") as copy:
        copy.write(content)
        copy.flush()
        try:
            done = run(
                ["visudo", "-c", "-f", copy.name],
                Fence(Kind.READER, (Path(copy.name), Path("/etc/sudo.conf"))),
                ok=(0, 1),
            )
        except ToolMissing as error:
            yield Problem(f"not checked: {error.message}", is_fatal=False)
            return
    if done.code:
        said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
        complaint = said.splitlines()[0].removeprefix(">>> ") if said else "visudo refuses it"
        place = re.match(rf"{re.escape(copy.name)}:\s*(\d+)(?:\D\d+)?:\s*", complaint)
        yield Problem(complaint[place.end() :] if place else complaint, int(place[1]) if place else 0)


def _check_fstab(content: bytes, layout: Layout, root: Volume | None) -> Iterator[Problem]:
    text = content.decode("utf-8", "surrogateescape")
    wrong = [
        Problem(said, n) for n, line in enumerate(text.split("\n"), 1) if (said := fields_of_fstab(line))
    ]
    yield from wrong
    fstab = parse_fstab(text)
    if not wrong:
        yield from (Problem(problem.text) for problem in fstab.warnings)
    if root is None:
        return
    devices = Devices(layout, root)
    for entry in fstab.entries:
        if not entry.on_a_device or is_passing(entry.spec):
            continue
        if complaint := _wrong_device(entry, devices.find(entry.spec)):
            yield Problem(complaint, entry.line, is_fatal=not entry.may_be_missing)


def _wrong_device(entry: FstabEntry, volume: Volume | None) -> str:
    """What is wrong with the device of a line; empty if nothing is."""
    return (
        wrong_type(entry, volume)
        if volume is not None
        else f"{entry.spec} for {entry.path} is not in this image"
    )


def _check_json(path: str, content: bytes) -> Iterator[Problem]:
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        yield Problem(f"not JSON: {error}")


def _check_yaml(path: str, content: bytes) -> Iterator[Problem]:
    try:
        for _ in yaml.parse(content, Loader=yaml.SafeLoader):
            pass
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        yield Problem(f"not YAML: {' '.join(str(error).split())}")


def _check_toml(path: str, content: bytes) -> Iterator[Problem]:
    try:
        tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        yield Problem(f"not TOML: {error}")


def _check_accounts(path: str, content: bytes) -> Iterator[Problem]:
    for one in bad_lines_of(path, content.decode("utf-8", "surrogateescape")):
        yield Problem(one.text, one.line)


def _check_lens(path: str, content: bytes) -> Iterator[Problem]:
    """Files that Augeas knows by their path have to parse with their lens."""
    try:
        ConfigFile(path, content)
    except OddGuest as error:
        yield Problem(error.message.removeprefix(f"{path}: "))
    except (UsageError, ToolMissing):  # no lens for this path: nothing is known of it
        pass


Check = Callable[[str, bytes], Iterator[Problem]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("/etc/sudoers", _check_sudoers),
    ("/etc/sudoers.d/*", _check_sudoers),
    ("*.json", _check_json),
    ("*.yaml", _check_yaml),
    ("*.yml", _check_yaml),
    ("*.toml", _check_toml),
    *((path, _check_accounts) for path in WIDTH),
)
