"""Cases of checks of Windows: guests in memory with hives of their own, made when they are asked for."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from imgtools.records.system import OsType
from tests.support import accounts
from tests.support.checks import Case
from tests.support.hives import Keys, make_hive
from tests.support.memory import Content
from tests.support.windows import SOFTWARE, SYSTEM, windows_tree

CONFIG = "/Windows/System32/config"
CURRENT = "ControlSet002"  # of SYSTEM: what its Select names
ALICE = "/Users/alice.NEW/NTUSER.DAT"
CLIENT: Mapping[str, Any] = {
    "type": OsType.WINDOWS, "distro": "windows", "families": ("windows",), "product_variant": "Client", "major": 10,
    "arch": "x86_64", "build_id": "19045", "windows_systemroot": "/Windows",
}  # fmt: skip
SERVER = {**CLIENT, "product_variant": "Server", "build_id": "20348"}
WANTED = (5, 11, 14, 3, 6, 6, 6, 4, 4)  # subcategories of each category of Windows 10


class Tree(Mapping[str, Content]):
    """The files of a small Windows: keys are added to those of ``tests.support.windows``.

    ``CCS`` in a key of ``system`` is the current control set. ``user`` is alice's hive.
    """

    def __init__(
        self,
        system: Keys | None = None,
        software: Keys | None = None,
        sam: Keys | None = None,
        security: Keys | None = None,
        user: Keys | None = None,
        files: Mapping[str, Content] | None = None,
    ) -> None:
        self._keys = {"SYSTEM": system or {}, "SOFTWARE": software or {}}
        self._others = {f"{CONFIG}/SAM": sam, f"{CONFIG}/SECURITY": security, ALICE: user}
        self._files = files or {}

    @cached_property
    def _made(self) -> dict[str, Content]:
        system = {key.replace("CCS", CURRENT, 1): values for key, values in self._keys["SYSTEM"].items()}
        hives = {path: make_hive(keys, path) for path, keys in self._others.items() if keys is not None}
        return windows_tree(
            _merged(SOFTWARE, self._keys["SOFTWARE"]), _merged(SYSTEM, system), {**hives, **self._files}
        )

    def __getitem__(self, path: str) -> Content:
        return self._made[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def _merged(base: Keys, more: Keys) -> Keys:
    return {**base, **{key: {**base.get(key, {}), **values} for key, values in more.items()}}


def case(id: str, bad: Tree, *finds: str, good: Tree | None = None, fixed: bool = True, **more: Any) -> Case:
    r"""A case: places are written ``SYSTEM CCS\Control\X``, ``SOFTWARE X``, ``SAM name``, or as they are."""
    return Case(
        id,
        bad,
        tuple(place(one) for one in finds),
        good=good if good is not None else Tree(),
        fixed=fixed,
        os=more.pop("os", CLIENT),
        **more,
    )


def place(text: str) -> str:
    """A place as findings have it."""
    hive, _, rest = text.partition(" ")
    if hive in ("SYSTEM", "SOFTWARE"):
        key = rf"HKLM\{hive}\{rest}".replace("CCS", "CurrentControlSet", 1)
        return f"{CONFIG}/{hive} {key}"
    if hive in ("SAM", "SECURITY"):
        return f"{CONFIG}/{hive} {rest}"
    return rf"{ALICE} HKU\S-1-5-21-1-2-3-1001\{rest}" if hive == "alice" else text


def sam(*users: tuple[int, str, bytes, bytes], policy: bytes = bytes(240)) -> Keys:
    """A SAM with these accounts, and this F of its domain."""
    keys = dict(accounts.sam_keys(*users))
    keys[r"SAM\Domains\Account"] = {**keys[r"SAM\Domains\Account"], "F": policy}
    return keys


def user(
    rid: int, name: str, flags: int = accounts.NORMAL, *, login: int = 1, hashed: bool = True
) -> tuple[int, str, bytes, bytes]:
    """An account; ``login`` is a day since 1601, 0 is never."""
    facts = bytearray(accounts.facts(rid, flags=flags))
    struct.pack_into("<Q", facts, 8, login * 864_000_000_000)
    return (
        rid,
        name,
        bytes(facts),
        accounts.words(name, hashed=accounts.PASSWORD if hashed else accounts.NO_PASSWORD),
    )


def policy(shortest: int = 14, history: int = 24, tries: int = 10, days: int = 365, flags: int = 1) -> bytes:
    """The F of a domain of accounts."""
    made = bytearray(240)
    struct.pack_into("<q", made, 0x18, -days * 864_000_000_000)
    struct.pack_into("<IHHH", made, 0x4C, flags, shortest, history, tries)
    return bytes(made)


def audit_policy(
    said: Mapping[tuple[int, int], int], rest: int = 0, counts: tuple[int, ...] = WANTED
) -> bytes:
    """The value of PolAdtEv: what is said of subcategories, by category and place, and of all others."""
    words = [said.get((one, at), rest) for one, count in enumerate(counts) for at in range(count)]
    body = struct.pack(f"<{len(words) + 1}H", *words, 0)
    head = struct.pack("<HHII", 0x100, 0, len(counts), 12 + len(body))
    return head + body + struct.pack(f"<{len(counts)}H", *counts)
