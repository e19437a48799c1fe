"""An in-memory guest, customized: what its files are afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange
from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions
from imgtools.change.writable_tree import WritableTree
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Named, Order, plan_orders
from imgtools.records.disks import Mount
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, MemoryWriter, memory_volume


def guest_with(
    files: Mapping[str, Content], *families: str, hostname: str = ""
) -> tuple[Guest, WritableTree]:
    """A Linux guest of these distribution families, and its tree."""
    tree = WritableTree({}, {"/": MemoryWriter(files)}, Engine.MEMORY)
    volume = memory_volume()
    os = OsInfo(OsType.LINUX, families[0] if families else "debian", families, hostname=hostname)
    return Guest(volume, os, (Mount("/", volume),), tree), tree


def carry_out(guest: Guest, tree: WritableTree, *orders: tuple[str, str]) -> None:
    """Plan the orders and change the tree by the plan."""
    wanted = [Named(name, Order(text)) for name, text in orders]
    plan = refuse_contradictions(compose(tuple(plan_orders(guest, wanted)), tree), tree)
    apply_changes(tree, [change for change in plan if isinstance(change, FileChange)])


def customized(
    files: Mapping[str, Content], *orders: tuple[str, str], families: tuple[str, ...] = ("debian",)
) -> WritableTree:
    """The tree of a guest with ``files`` after the orders (name, text)."""
    guest, tree = guest_with(files, *families)
    carry_out(guest, tree, *orders)
    return tree
