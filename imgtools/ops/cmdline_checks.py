"""Checks of the arguments that the boot loader gives to the kernel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from imgtools.change.change import Change
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.arguments import words_of
from imgtools.guest.boot.cmdline import RECOVERY, Rewriting, rewrite_arguments
from imgtools.ops.boot_start import boot_start
from imgtools.ops.check import Fix, Flaw, Seen
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown, NotThere

UNIFIED = "/etc/kernel/cmdline"
LIMIT = 1 << 16


def arguments(examined: Examined) -> dict[str, str] | None:
    """Return every argument of the entries that are no rescue, and the file that says so; None if there is no menu."""
    start = examined.once(boot_start)
    found: dict[str, str] = {}
    for one in start.entries:
        if not RECOVERY.search(one.name) and not RECOVERY.search(one.entry.id):
            for word in words_of(one.entry.cmdline):
                found.setdefault(word, start.config)
    files = examined.files
    if files.is_file(UNIFIED) and files.stat(UNIFIED).size <= LIMIT:
        for word in words_of(files.read_text(UNIFIED, limit=LIMIT)):
            found.setdefault(word, UNIFIED)
    return found if start.entries or found else None


def without_arguments(
    bad: Collection[str], text: str, *, is_bad: Callable[[str], bool] = lambda word: False, mend: bool = True
) -> Callable[[Examined, Params], Iterable[Seen]]:
    """Return the look that wants none of some arguments.

    :param is_bad: what also is one of them.
    :param mend: whether taking it away is safe.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        said = examined.once(arguments)
        if said is None:
            yield no_menu(examined)
            return
        for word, path in said.items():
            if word in bad or is_bad(word):
                yield Flaw(
                    f"{text}: the kernel is started with {word[:80]}",
                    path,
                    subject=word[:80],
                    fix=taking_away(word) if mend else None,
                    advice="take it out of the boot loader's configuration and of what that is made of",
                )

    return look


def no_menu(examined: Examined) -> NotThere | NotKnown:
    """Say why the kernel's arguments are not known."""
    if not examined.once(boot_start).loader:
        return NotThere("the guest has no boot loader")
    return NotKnown("the boot menu says no arguments of the kernel, or is made when it boots")


def taking_away(word: str) -> Fix:
    """Return the fix that takes an argument out of every place that says it."""

    def fix(files: GuestReader) -> Iterable[Change]:
        return rewrite_arguments(
            files, Rewriting(lambda one: None if one == word else one, of_recovery=False)
        )

    return fix
