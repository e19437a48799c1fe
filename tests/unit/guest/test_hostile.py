"""Configuration files of hostile guests: whatever is in them, reading ends, in facts or in a named error."""

from __future__ import annotations

import random
from datetime import UTC

import pytest

from imgtools.engine.journal import parse_entry
from imgtools.errors import ImgtoolsError
from imgtools.guest.accounts.users import read_accounts, read_privileged
from imgtools.guest.boot.bootloader import find_boot
from imgtools.guest.find.fstab import read_fstab
from imgtools.guest.find.layout import find_mounts
from imgtools.guest.logs.lines import parse_line
from imgtools.guest.network.program import find_network
from imgtools.guest.services.started import enabling_links, find_default_target, find_init
from imgtools.guest.settings.clock import Clock
from imgtools.guest.windows.system import windows_osinfo
from imgtools.records.disks import Layout
from imgtools.workflows.inspect import inspect
from tests.support.guests import BOOT, DEBIAN_BOOT, DEBIAN_ROOT, ROOT
from tests.support.images import memory_image
from tests.support.memory import Content, Node, memory_files, memory_volume, serve

FILES = (
    "/boot/grub/grub.cfg",
    "/boot/grub2/grubenv",
    "/boot/loader/loader.conf",
    "/boot/loader/entries/a.conf",
    "/boot/extlinux.conf",
    "/etc/netplan/a.yaml",
    "/etc/sudoers",
    "/etc/doas.conf",
    "/etc/fstab",
    "/etc/crypttab",
    "/etc/mdadm.conf",
    "/etc/init.d/x",
    "/etc/inittab",
    "/etc/systemd/system/x.service",
    "/etc/passwd",
    "/etc/group",
)
BIG = 300_000
# What regular expressions with nested or adjacent repeats choke on.
FILLINGS = {
    "newlines": "\n" * BIG,
    "spaces": " " * BIG,
    "blank lines": " \t\n" * (BIG // 3),
    "one word": "a" * BIG,
    "quotes": '"' * BIG,
    "words": "a b " * (BIG // 4),
    "commas": "a," * (BIG // 2),
    "backslashes": "\\" * BIG,
    "keywords": "Defaults default set menuentry linux renderer: # chkconfig: " * (BIG // 60),
    "keyword and spaces": "Defaults" + " " * BIG + "\n" + "default" + " " * BIG + "\nmenuentry" + " " * BIG,
    "zeros": "\0" * BIG,
    "colons": ":" * BIG,
}


@pytest.mark.parametrize("name", FILLINGS)
def test_readers_end_whatever_a_file_is_filled_with(name: str) -> None:
    """Quadratic work on 300 kB would take minutes here; linear work takes milliseconds."""
    text = FILLINGS[name]
    files = memory_files(dict.fromkeys(FILES, text))
    find_boot(files, ())
    find_network(files)
    read_privileged(files)
    read_fstab(files)
    find_mounts(files, memory_volume(), Layout(()))
    enabling_links(files, "x")
    find_default_target(files, find_init(files))
    try:
        read_accounts(files)
    except ImgtoolsError as error:
        assert len(error.message) < 300


ALPHABET = [
    b"\n",
    b"\0",
    b"\xff",
    b":",
    b"=",
    b'"',
    b"'",
    b"{",
    b"}",
    b"\\",
    b" ",
    b",",
    b"%",
    b"9" * 30,
    b"/",
    b"#",
]


def _damaged(content: bytes, chance: random.Random) -> bytes:
    broken = bytearray(content)
    for _change in range(chance.choice((1, 3, 20))):
        at = chance.randrange(len(broken) + 1)
        if chance.random() < 0.6:
            broken[at:at] = chance.choice(ALPHABET) * chance.choice((1, 1, 50))
        else:
            del broken[at : at + chance.randrange(20)]
    return bytes(broken)


def _bytes(content: Content) -> bytes:
    return content.encode("utf-8", "surrogateescape") if isinstance(content, str) else bytes(content)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(60))
def test_an_inspection_survives_damage_to_any_one_file(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    trees: tuple[dict[str, Content], ...] = (dict(DEBIAN_ROOT), dict(DEBIAN_BOOT))
    tree = chance.choice(trees)
    path = chance.choice([one for one, content in tree.items() if not isinstance(content, Node)])
    tree[path] = _damaged(_bytes(tree[path]), chance)
    image = memory_image({ROOT: trees[0], BOOT: trees[1]})
    report = inspect(serve(monkeypatch, "inspect", image))
    assert report.guests[0].root == "/dev/sda2"


@pytest.mark.parametrize("number", ["9" * 5000, "\u00b2", "1>\u00b2", "0>" + "9" * 5000])
def test_a_number_that_python_does_not_read_is_none(number: str) -> None:
    """They are digits to a regular expression or to isdigit(), and an exception to int()."""
    entry = "menuentry 'a' {\n linux /vmlinuz-1 ro\n}\n"
    for path, text in {
        "/boot/grub/grub.cfg": f'set default="{number}"\n{entry}',
        "/boot/grub/grubenv": f"saved_entry={number}\n",
    }.items():
        find_boot(memory_files({"/boot/grub/grub.cfg": entry, path: text}), ())
    clock = Clock(UTC, 0)
    line = parse_line(f"2024/03/01 13:00:05 [error] {number}#12: x", clock)
    assert line is None or line.pid is None
    line = parse_line(f"Mar  1 13:00:05 host program[{number}]: x", clock)
    assert line is None or line.pid is None
    assert windows_osinfo((10, 0), "Client", "Windows 10", number) == "win10"
    found = parse_entry(f'{{"__REALTIME_TIMESTAMP":"1","PRIORITY":"{number}","MESSAGE":[[[[1]]]]}}'.encode())
    assert found is not None and found.priority is None and found.message == ""
