"""Checks of how places are mounted: without devices, without set-user-ID programs, without programs at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.find.fstab import FIELD, FSTAB, FSTAB_LIMIT, FstabEntry, fstab_text, parse_fstab
from imgtools.guest.settings.mounts import Mounted, mounted_at, restrictions
from imgtools.ops.check import Fix, Flaw, Seen
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotThere

WHY = {
    "nodev": "device nodes count there",
    "nosuid": "set-user-ID programs count there",
    "noexec": "programs can be run from there",
}
Look = Callable[[Examined, Params], Iterable[Seen]]


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of a check of a mount. ``options`` are those that it should have."""

    options: tuple[str, ...] = ("nodev", "nosuid", "noexec")


def mounted_with_options(place: str, *, mend: bool = True) -> Look:
    """Return the look that wants a place to be mounted with the options of the parameter ``options``.

    :param mend: whether nodev and nosuid do no harm to anything that usually lies there.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        mounted = mounted_at(examined.files, place)
        if mounted is None:
            yield NotThere(f"nothing is mounted at {place}")
            return
        yield from lacking(mounted, params.options, mend=mend)

    return look


def lacking(mounted: Mounted, wanted: Sequence[str], *, mend: bool = True) -> Iterator[Flaw]:
    """Yield a flaw for each option that a mount lacks. What only stands in fstab is put right there."""
    entry = mounted.entry
    for option in wanted:
        if option in WHY and option not in mounted.restrictions:
            # Programs of a service may be run from there: only a person knows.
            is_safe = mend and option != "noexec" and mounted.source == FSTAB
            yield Flaw(
                f"{entry.path} is mounted without {option}: {WHY[option]}",
                mounted.source,
                entry.line,
                subject=f"{entry.path} {option}",
                evidence=f"options {entry.options[:200]}",
                fix=adding(entry.path, option) if is_safe else None,
                advice=f"add {option} to the options of {entry.path} in {FSTAB}, if nothing there needs it",
            )


def adding(place: str, option: str) -> Fix:
    """Return the fix that adds an option to the lines of a place in fstab."""

    def fix(files: GuestReader) -> Iterator[Change]:
        text = fstab_text(files)
        lines = text.split("\n")
        for entry in parse_fstab(text).entries:
            if entry.path == place and option not in restrictions(entry.options):
                lines[entry.line - 1] = _with(lines[entry.line - 1], entry, option)
        if "\n".join(lines) != text and len(text) <= FSTAB_LIMIT:
            yield WriteFile(FSTAB, "\n".join(lines).encode("utf-8", "surrogateescape"))

    return fix


def _with(line: str, entry: FstabEntry, option: str) -> str:
    """The line with an option more; one that has no options gets some, and its type if that is left out."""
    fields = list(FIELD.finditer(line))
    if len(fields) > 3:
        said = fields[3]
        return f"{line[: said.end()]},{option}{line[said.end() :]}"
    kind = "" if len(fields) > 2 else f" {entry.type}"
    return f"{line.rstrip()}{kind} defaults,{option}"
