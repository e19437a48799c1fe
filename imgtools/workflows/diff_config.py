"""How configuration differs, node by node of Augeas: what was set, not on which line it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from imgtools.change.compose import is_private
from imgtools.errors import (
    BadImage,
    EngineFailed,
    EngineTimeout,
    GuestFileError,
    OddGuest,
    ToolMissing,
    UsageError,
)
from imgtools.files.tree import GuestReader
from imgtools.guest.config import lens_of, open_config
from imgtools.records.comparison import Changed, FactDifference, FactKind
from imgtools.records.system import Warned

MOST_FILES = 300  # that are parsed, each in a process of its own
LARGEST = 256 << 10  # bytes of one that is parsed: /etc/services has 13 KB, and takes 0.1 s
LONGEST = 500  # characters of a value
MOST_PAIRS = (
    1_000_000  # of nodes without names that are put side by side; of more, only which are new is told
)
DEEPEST = 60  # steps of a path
ROOT = "/files"
# Names of what is a secret wherever it stands: wpa_supplicant's psk, a mount's password, a token of an agent.
SECRET = re.compile(
    r"passw|secret|token|credential|\bpsk\b|passphrase|private.?key|api.?key|community", re.IGNORECASE
)
SWITCH = re.compile(r"(?:yes|no|true|false|on|off|none|required|optional|\d{1,6})?", re.IGNORECASE)
# One step of a node's path: a name, and its number among those of the same name. A backslash takes a letter as it is.
_STEP = re.compile(r"((?:[^\\/\[]|\\.)+)(?:\[(\d+)\])?(?:/|$)", re.DOTALL)


@dataclass(slots=True)
class Node:
    """One node, and what is below it in the order of the file."""

    label: str
    step: str  # the label with its number, as its path has it
    value: str | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def is_one_of_many(self) -> bool:
        """Whether its name says nothing but its place among others: ``hosts/3``, ``Match[2]``."""
        return self.label.isdigit() or self.step != self.label

    def whole(self) -> tuple[str, str | None, tuple[object, ...]]:
        """Everything that it says, without its place."""
        return (
            ("" if self.label.isdigit() else self.label),
            self.value,
            tuple(one.whole() for one in self.children),
        )


def says_secret(name: str, *values: str | None) -> bool:
    """Whether values of this name are secrets, as far as names tell; a switch or a number is none."""
    return SECRET.search(name) is not None and not all(SWITCH.fullmatch(value or "") for value in values)


def compare_configuration(
    old: GuestReader, new: GuestReader, paths: Sequence[str], warnings: list[Warned]
) -> Iterator[FactDifference]:
    """Yield the nodes that differ in files that both sides have.

    A file that no lens knows, or that does not parse, is a file that differs, as any other.

    :param paths: files whose content is not the same.
    """
    known = []
    for path in paths:
        try:
            lens_of(path)
        except UsageError:
            continue
        except ToolMissing as error:
            warnings.append(Warned(f"configuration is not compared: {error.message}"))
            return
        known.append(path)
    if len(known) > MOST_FILES:
        warnings.append(
            Warned(f"{len(known)} files of configuration differ: only {MOST_FILES} of them are looked into")
        )
    for path in known[:MOST_FILES]:
        yield from _compare_file(old, new, path, warnings)


def _compare_file(
    old: GuestReader, new: GuestReader, path: str, warnings: list[Warned]
) -> Iterator[FactDifference]:
    trees = []
    for files in (old, new):
        try:
            if files.stat(path).size > LARGEST:
                warnings.append(Warned(f"larger than {LARGEST} bytes: not looked into", path))
                return
            trees.append(read_tree(files, path))
        except (OddGuest, BadImage, GuestFileError, EngineFailed, EngineTimeout, UsageError) as error:
            warnings.append(Warned(f"its configuration is not compared: {error.message}", path))
            return
    whole = f"{ROOT}{path}"
    for one in compare_nodes(trees[0], trees[1], whole):
        secret = is_private(path) or says_secret(one.name.removeprefix(whole), one.old, one.new)
        yield _hide(one) if secret else one


def _hide(one: FactDifference) -> FactDifference:
    return FactDifference(one.about, one.name, one.became, one.field, hidden=True)


def read_tree(files: GuestReader, path: str) -> Node:
    """Parse a file and return its nodes, without comments.

    :raises OddGuest: it does not parse.
    """
    return make_tree(open_config(files, path).nodes())


def make_tree(nodes: Sequence[tuple[str, str | None]]) -> Node:
    """Make a tree of paths and values in the order of the file."""
    top = Node("", "")
    places = {"": top}
    for path, value in nodes:
        above, here = "", top
        for depth, match in enumerate(_STEP.finditer(path)):
            if depth > DEEPEST:
                raise OddGuest(f"a node more than {DEEPEST} steps deep: {path[:100]}")
            step = match[0].rstrip("/")
            place = f"{above}/{step}" if above else step
            if place not in places:
                places[place] = Node(match[1], step)
                here.children.append(places[place])
            above, here = place, places[place]
        here.value = value
    _drop_comments(top)
    return top


def _drop_comments(node: Node) -> None:
    todo = [node]
    while todo:
        one = todo.pop()
        one.children = [child for child in one.children if not child.label.startswith("#comment")]
        todo += one.children


def compare_nodes(old: Node, new: Node, path: str) -> Iterator[FactDifference]:
    """Yield how two nodes differ, with what is below them; ``path`` is what both are called."""
    if old.value != new.value:
        yield FactDifference(
            FactKind.CONFIGURATION, path, Changed.CHANGED, "", _short(old.value), _short(new.value)
        )
    several = {one.label for one in (*old.children, *new.children) if one.is_one_of_many}
    olds = {one.label: one for one in old.children if one.label not in several}
    news = {one.label: one for one in new.children if one.label not in several}
    for label in dict.fromkeys([*olds, *news]):
        before, after = olds.get(label), news.get(label)
        if before is not None and after is not None:
            yield from compare_nodes(before, after, f"{path}/{label}")
        elif before is not None:
            yield from _only(before, f"{path}/{before.step}", Changed.REMOVED)
        elif after is not None:
            yield from _only(after, f"{path}/{after.step}", Changed.ADDED)
    many = [[one for one in node.children if one.label in several] for node in (old, new)]
    yield from _compare_many(many[0], many[1], path)


def _compare_many(old: list[Node], new: list[Node], path: str) -> Iterator[FactDifference]:
    """Compare nodes that have only a place: what stands in the same order on both sides is the same."""
    wholes = [[one.whole() for one in side] for side in (old, new)]
    if len(old) * len(new) > MOST_PAIRS:
        known = [set(side) for side in wholes]
        yield from (
            row
            for one, whole in zip(old, wholes[0], strict=True)
            if whole not in known[1]
            for row in _only(one, f"{path}/{one.step}", Changed.REMOVED)
        )
        yield from (
            row
            for one, whole in zip(new, wholes[1], strict=True)
            if whole not in known[0]
            for row in _only(one, f"{path}/{one.step}", Changed.ADDED)
        )
        return
    matcher = SequenceMatcher(None, wholes[0], wholes[1], autojunk=False)
    for what, begin, end, other_begin, other_end in matcher.get_opcodes():
        if what == "equal":
            continue
        gone, come = old[begin:end], new[other_begin:other_end]
        while (
            gone
            and come
            and (gone[0].label == come[0].label or (gone[0].label.isdigit() and come[0].label.isdigit()))
        ):
            before, after = gone.pop(0), come.pop(0)
            yield from compare_nodes(before, after, f"{path}/{after.step}")
        for one in gone:
            yield from _only(one, f"{path}/{one.step}", Changed.REMOVED)
        for one in come:
            yield from _only(one, f"{path}/{one.step}", Changed.ADDED)


def _only(node: Node, path: str, became: Changed) -> Iterator[FactDifference]:
    """Tell of a node that one side has, and of the values below it."""
    if node.value is not None or not node.children:
        value = _short(node.value)
        is_new = became is Changed.ADDED
        yield FactDifference(
            FactKind.CONFIGURATION, path, became, "", None if is_new else value, value if is_new else None
        )
    for one in node.children:
        yield from _only(one, f"{path}/{one.step}", became)


def _short(value: str | None) -> str | None:
    return value if value is None or len(value) <= LONGEST else f"{value[:LONGEST]}…"
