"""Mend lines of fstab that stop the boot: a source that is gone, a wrong type, a second line for one place.

Where the source of a line is on none of the disks, and exactly one volume fits in its place (the same type of
filesystem, nobody else's, and by its partition type, label or name not meant for another place), the line names that
volume, in the way in which it named the other. Else ``nofail`` is added, so that the machine boots without it; with
``missing=comment``, and where init does not know ``nofail``, the line is commented out with the reason.

A wrong type of filesystem becomes the true one, options that it does not know go, ``_netdev`` is added where a helper
mounts over the network, of two lines for one place the second is commented out, as is one
that is no line of fstab, and a missing mount point is made where init is not systemd, which makes it itself. What is
locked may hold anything: then no source is called gone.

Source: fstab(5), mount(8), systemd.mount(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, MakeDirectory
from imgtools.files.tree import GuestReader
from imgtools.guest.find.fstab import FIELD, FSTAB
from imgtools.guest.find.fstab_faults import (
    FaultKind,
    FstabFault,
    fstab_faults,
    fstab_text,
    name_as,
    unknown_sources,
)
from imgtools.guest.find.mount_options import foreign_options
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import Init, find_init
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import commented, one_of
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.system import Warned

MISSING = ("nofail", "comment")


@dataclass(frozen=True, slots=True)
class Params:
    """``missing``: what becomes of a line whose source is gone and that no volume fits: nofail or comment."""

    missing: str = "nofail"

    def __post_init__(self) -> None:
        one_of(self.missing, "missing", MISSING)


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the mended fstab, and the folders that are to be mounted over."""
    if guest.layout is None:
        return
    faults = fstab_faults(guest.files, guest.layout, guest.root)
    text = fstab_text(guest.files)
    lines = text.split("\n")
    for fault in faults:
        if fault.kind is FaultKind.NO_FOLDER:
            if not lines[fault.line - 1].startswith("#"):
                yield MakeDirectory(fault.entry.path)
            continue
        old = lines[fault.line - 1]
        lines[fault.line - 1] = _mended(old, fault, params.missing == "nofail" and _knows_nofail(guest.files))
    if text:
        yield from rewrite(guest.files, FSTAB, "\n".join(lines))


def _knows_nofail(files: GuestReader) -> bool:
    """mount(8) of util-linux does, and systemd; busybox' mount, of Alpine, stops at what is not there."""
    return find_init(files) is not Init.OPENRC


def _mended(line: str, fault: FstabFault, knows_nofail: bool) -> str:
    if fault.kind in (FaultKind.TWICE, FaultKind.SYNTAX):
        return commented(line, fault.text)
    if fault.kind is FaultKind.TYPE and fault.volume is not None:
        return _with_field(line, 2, fault.volume.content)
    if fault.kind in (FaultKind.OPTION, FaultKind.NETWORK):
        return _with_options(line, fault)
    name = name_as(fault.entry.spec, fault.volume) if fault.volume is not None else ""
    if name:
        return _with_field(line, 0, name)
    fields = FIELD.findall(line)
    if not knows_nofail or len(fields) < 3:
        return commented(line, fault.text)
    return _with_word(line, fields, "nofail")


def _with_options(line: str, fault: FstabFault) -> str:
    """Return a line without the options that its filesystem does not know, or with _netdev."""
    fields = FIELD.findall(line)
    if fault.kind is FaultKind.NETWORK or fault.volume is None:
        return _with_word(line, fields, "_netdev")
    foreign = foreign_options(fault.entry, fault.volume)
    kept = [one for one in fields[3].split(",") if one not in foreign]
    return _with_field(line, 3, ",".join(kept or ["defaults"]))


def _with_word(line: str, fields: list[str], word: str) -> str:
    if len(fields) == 3:
        return f"{line.rstrip()} defaults,{word}"
    options = [one for one in fields[3].split(",") if one != "defaults"]
    return _with_field(line, 3, ",".join([*(options or ["defaults"]), word]))


def _with_field(line: str, number: int, value: str) -> str:
    """Return a line with another field, counted from 0; the space between the others stays as it is."""
    found = list(FIELD.finditer(line))[number]
    return line[: found.start()] + value + line[found.end() :]


def remarks(guest: Guest, params: Params) -> Iterator[Warned]:
    """Say where several volumes fit, and where nobody can tell what is gone."""
    if guest.layout is None:
        return
    for fault in fstab_faults(guest.files, guest.layout, guest.root):
        if fault.kind is FaultKind.GONE and fault.candidates > 1:
            said = f"line {fault.line}: {fault.text}, and {fault.candidates} volumes fit in its place"
            yield Warned(said, FSTAB)
    for entry in unknown_sources(guest.files, guest.layout, guest.root):
        where = ", ".join(one.what for one in guest.layout.unopened)
        yield Warned(f"line {entry.line}: {entry.spec} may be in what is not looked into ({where})", FSTAB)


OPERATION = Operation(
    summary="Mend lines of fstab that stop the boot",
    families=LINUX,
    order=200,
    plan=plan,
    params=Params,
    remarks=remarks,
)
