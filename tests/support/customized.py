"""An in-memory guest, customized: what its files are afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from imgtools.guest.guest import Guest
from imgtools.image.applier import apply_changes
from imgtools.image.change import FileChange
from imgtools.image.plan import check_plan
from imgtools.image.settle import settle
from imgtools.image.writable import WritableTree
from imgtools.ops.orders import Named, Order, plan_orders
from imgtools.records import Engine, Mount, OsInfo, OsType
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
    plan = check_plan(settle(tuple(plan_orders(guest, wanted)), tree), tree)
    apply_changes(tree, [change for change in plan if isinstance(change, FileChange)])


def customized(
    files: Mapping[str, Content], *orders: tuple[str, str], families: tuple[str, ...] = ("debian",)
) -> WritableTree:
    """The tree of a guest with ``files`` after the orders (name, text)."""
    guest, tree = guest_with(files, *families)
    carry_out(guest, tree, *orders)
    return tree
