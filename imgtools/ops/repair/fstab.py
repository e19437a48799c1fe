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

from imgtools.change.change import Change, MakeDirectory
from imgtools.files.tree import GuestReader
from imgtools.guest.find.fstab import FIELD, FSTAB, fstab_text
from imgtools.guest.find.mount_options import foreign_options
from imgtools.guest.find.stand_ins import name_as
from imgtools.guest.guest import Guest
from imgtools.guest.health.fstab_lines import FstabProblem, Wrong, fstab_problems
from imgtools.guest.services.started import Init, find_init
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import MissingParams, commented
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.system import Warned


def plan(guest: Guest, params: MissingParams) -> Iterator[Change]:
    """Yield the mended fstab, and the folders that are to be mounted over."""
    if guest.layout is None:
        return
    text = fstab_text(guest.files)
    lines = text.split("\n")
    given_up: set[int] = set()
    for one in fstab_problems(guest.files, guest.root, guest.layout):
        if one.line in given_up or not one.mendable:
            continue
        if one.wrong is Wrong.PLACE:
            yield MakeDirectory(one.entry.path)
            continue
        old = lines[one.line - 1]
        lines[one.line - 1] = _mended(old, one, params.missing == "nofail" and _knows_nofail(guest.files))
        if lines[one.line - 1].startswith("#"):
            given_up.add(one.line)
    if text:
        yield from rewrite(guest.files, FSTAB, "\n".join(lines))


def _knows_nofail(files: GuestReader) -> bool:
    """mount(8) of util-linux does, and systemd; busybox' mount, of Alpine, stops at what is not there."""
    return find_init(files) is not Init.OPENRC


def _mended(line: str, one: FstabProblem, knows_nofail: bool) -> str:
    if one.wrong in (Wrong.TWICE, Wrong.SYNTAX):
        return commented(line, one.text)
    if one.wrong is Wrong.TYPE and one.volume is not None:
        return _with_field(line, 2, one.volume.content)
    if one.wrong in (Wrong.OPTION, Wrong.NETWORK):
        return _with_options(line, one)
    name = name_as(one.entry.spec, one.volume) if one.volume is not None else ""
    if name:
        return _with_field(line, 0, name)
    fields = FIELD.findall(line)
    if not knows_nofail or len(fields) < 3:
        return commented(line, one.text)
    return _with_word(line, fields, "nofail")


def _with_options(line: str, one: FstabProblem) -> str:
    """Return a line without the options that its filesystem does not know, or with _netdev."""
    fields = FIELD.findall(line)
    if one.wrong is Wrong.NETWORK or one.volume is None:
        return _with_word(line, fields, "_netdev")
    foreign = foreign_options(one.entry, one.volume)
    kept = [option for option in fields[3].split(",") if option not in foreign]
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


def remarks(guest: Guest, params: MissingParams) -> Iterator[Warned]:
    """Say where several volumes fit, and where nobody can tell what is gone."""
    if guest.layout is None:
        return
    for one in fstab_problems(guest.files, guest.root, guest.layout):
        is_lost = one.wrong in (Wrong.SOURCE, Wrong.SWAP)
        if is_lost and one.mendable and one.candidates > 1:
            said = f"line {one.line}: {one.text}, and {one.candidates} volumes fit in its place"
            yield Warned(said, FSTAB)
        elif one.wrong is Wrong.LOCKED or (is_lost and not one.mendable):
            where = ", ".join(one.what for one in guest.layout.unopened)
            said = f"line {one.line}: {one.entry.spec} may be in what is not looked into ({where})"
            yield Warned(said, FSTAB)


OPERATION = Operation(
    summary="Mend lines of fstab that stop the boot",
    families=LINUX,
    order=200,
    plan=plan,
    params=MissingParams,
    remarks=remarks,
)
