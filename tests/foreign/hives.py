"""hivex's sample hives: exported, merged into an empty hive, edited; held against hivex, libregf and reged."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path

from fixtures.hives import empty
from imgtools.engine.regf.editor import HiveEditor
from imgtools.errors import ImgtoolsError
from tests.foreign.verdicts import Finding, Verdict
from tests.support.bare_hives import registry
from tests.support.hive_readers import Tree, as_libregf_tells, by_hivex, by_libregf, by_reged

NOW = 132_000_000_000_000_000


def compare_hives(folder: Path, pattern: str, scratch: Path) -> Iterator[Finding]:
    """Yield what comes of each hive."""
    for hive in sorted(folder.iterdir()):
        if fnmatch.fnmatch(hive.name, pattern) and hive.read_bytes()[:4] == b"regf":
            yield _compare(hive, scratch)


def _compare(hive: Path, scratch: Path) -> Finding:
    content = hive.read_bytes()
    wanted = by_hivex(content)
    plain = _without_nul(wanted)
    try:
        made, warnings = _merged(hive, scratch)
        edited, expected = _edited(content, wanted)
    except ImgtoolsError as error:
        return Finding(hive.name, Verdict.REFUSED, error.message)
    for what, found, tree in (("merged", made, plain), ("edited", edited, expected)):
        if reader := _who_disagrees(found, tree, scratch):
            return Finding(hive.name, Verdict.WRONG, f"{what}: {reader} finds something else")
    if plain != wanted:
        return Finding(hive.name, Verdict.WARNED if warnings else Verdict.WRONG, warnings)
    return Finding(hive.name, Verdict.SAME, f"{len(wanted)} keys")


def _without_nul(tree: Tree) -> Tree:
    """What a .reg file can say: names that hold a NUL have no way to be written there."""
    return {
        key: {name: value for name, value in values.items() if "\0" not in name}
        for key, values in tree.items()
        if "\0" not in key
    }


def _merged(hive: Path, scratch: Path) -> tuple[bytes, str]:
    """What a hive becomes that begins empty and takes the export of another; and the warnings of the export."""
    text, new = scratch / "export.reg", scratch / "SYSTEM"
    old = scratch / "old" / "SYSTEM"  # a hive is called as its file
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(hive.read_bytes())
    exported = registry("export", old, "")
    text.write_bytes(exported.out.encode())
    new.write_bytes(empty("SYSTEM"))
    registry("merge", new, text, "--write")
    return new.read_bytes(), exported.err.strip()


def _edited(content: bytes, wanted: Tree) -> tuple[bytes, Tree]:
    editor = HiveEditor(content, "hive", NOW)
    for key in wanted:
        editor.set_value(key, "imgtools", 4, bytes(4))
    return editor.finish() or b"", {
        key: {**values, "imgtools": (4, bytes(4))} for key, values in wanted.items()
    }


def _who_disagrees(hive: bytes, wanted: Tree, scratch: Path) -> str:
    if by_hivex(hive) != wanted:
        return "hivex"
    names = "".join((*wanted, *(name for values in wanted.values() for name in values)))
    if "\0" in names:  # the others end a name there
        return ""
    if as_libregf_tells(by_libregf(hive, scratch), wanted) != as_libregf_tells(wanted, wanted):
        return "libregf"
    return "reged" if names.isascii() and by_reged(hive, scratch) != wanted else ""
