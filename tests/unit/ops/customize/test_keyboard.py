"""The keyboard: console and X11, in each family's files, and only a layout that the guest knows."""

from __future__ import annotations

import pytest

from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from tests.support.customized import customized
from tests.support.memory import Content, directory, link

RULES = (
    "! model\n  pc105  Generic\n  pc104  Generic\n\n! layout\n  us  English\n  de  German\n\n"
    "! variant\n  nodeadkeys  de: German (no dead keys)\n"
)
DEBIAN: dict[str, Content] = {
    "/usr/share/X11/xkb/rules/base.lst": RULES,
    "/etc/default/keyboard": 'XKBMODEL="pc105"\nXKBLAYOUT="us"\nXKBVARIANT=""\nXKBOPTIONS="x"\n',
    "/etc/console-setup/cached_UTF-8_del.kmap.gz": "us",
}
FEDORA: dict[str, Content] = {
    "/sbin/init": link("/lib/systemd/systemd"),
    "/lib/systemd/systemd": "",
    "/usr/lib/kbd/keymaps/xkb/de-nodeadkeys.map.gz": "",
    "/usr/lib/kbd/keymaps/legacy/i386/qwertz/de-latin1-nodeadkeys.map.gz": "",
    "/usr/lib/kbd/keymaps/xkb/de.map.gz": "",
    "/usr/share/systemd/kbd-model-map": (
        "# console x11 model variant options\nde-latin1-nodeadkeys de pc105 nodeadkeys x\nde de pc105 - x\n"
    ),
    "/etc/vconsole.conf": "KEYMAP=us\nFONT=eurlatgr\nXKBVARIANT=intl\n",
    "/etc/X11": directory(),
}
ALPINE: dict[str, Content] = {
    "/usr/share/bkeymaps/de/de-nodeadkeys.bmap.gz": b"map",
    "/etc/runlevels/boot": directory(),
}


def test_debian_has_one_file_for_console_and_x11() -> None:
    tree = customized(DEBIAN, ("keyboard", "de:nodeadkeys:pc104"))
    assert tree.read_text("/etc/default/keyboard") == (
        'XKBMODEL="pc104"\nXKBLAYOUT="de"\nXKBVARIANT="nodeadkeys"\nXKBOPTIONS="x"\n'
    )
    assert not tree.exists("/etc/console-setup/cached_UTF-8_del.kmap.gz")


@pytest.mark.parametrize(
    ("text", "keymap", "variant"),
    [("de:nodeadkeys", "de-latin1-nodeadkeys", "XKBVARIANT=nodeadkeys\n"), ("de", "de", "")],
)
def test_others_have_a_keymap_and_a_file_of_x11(text: str, keymap: str, variant: str) -> None:
    tree = customized(FEDORA, ("keyboard", text), families=("fedora",))
    lines = tree.read_text("/etc/vconsole.conf")
    assert lines.startswith(f"KEYMAP={keymap}\nFONT=eurlatgr\n")
    assert variant in lines
    assert ("XKBVARIANT" in lines) == bool(variant)
    assert 'Option "XkbLayout" "de"' in tree.read_text("/etc/X11/xorg.conf.d/00-keyboard.conf")


def test_old_red_hat() -> None:
    files: dict[str, Content] = {
        "/sbin/initctl": "",
        "/etc/sysconfig/keyboard": 'KEYTABLE="us"\nLAYOUT="us"\n',
    }
    tree = customized(files, ("keyboard", "de"), families=("rhel", "fedora"))
    assert tree.read_text("/etc/sysconfig/keyboard") == (
        'KEYTABLE="de"\nLAYOUT="de"\nMODEL="pc105"\nVARIANT=""\n'
    )


def test_alpine_loads_a_copy() -> None:
    tree = customized(ALPINE, ("keyboard", "de:nodeadkeys"), families=("alpine",))
    assert tree.read_text("/etc/conf.d/loadkmap") == "KEYMAP=/etc/keymap/de-nodeadkeys.bmap.gz\n"
    assert tree.read_bytes("/etc/keymap/de-nodeadkeys.bmap.gz") == b"map"
    assert tree.read_link("/etc/runlevels/boot/loadkmap") == "/etc/init.d/loadkmap"


@pytest.mark.parametrize(
    "text", ["xx", "de:colemak", "us:nodeadkeys", "de::apple", "", "a:b:c:d", "de;reboot"]
)
def test_what_the_guest_does_not_know(text: str) -> None:
    with pytest.raises((NotInGuest, UsageError), match=r"the guest has no|not a keyboard layout"):
        customized(DEBIAN, ("keyboard", text))


@pytest.mark.parametrize(
    ("families", "words"), [(("debian",), "no console-setup"), (("fedora",), "no keymap")]
)
def test_a_guest_that_would_not_read_it(families: tuple[str, ...], words: str) -> None:
    with pytest.raises(UnsupportedGuest, match=words):
        customized({"/lib/systemd/systemd": ""}, ("keyboard", "de"), families=families)
    with pytest.raises(UnsupportedGuest, match="no keymap"):
        customized({}, ("keyboard", "de"), families=("alpine",))
