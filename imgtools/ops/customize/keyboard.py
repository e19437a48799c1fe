"""Set the keyboard layout: ``LAYOUT[:VARIANT[:MODEL]]`` in X11's words, as ``de:nodeadkeys``.

Debian keeps it in /etc/default/keyboard, for the console and for X11. Others have a keymap of the console in
/etc/vconsole.conf, which is found by systemd's own table, and X11's in /etc/X11/xorg.conf.d; Alpine a binary keymap in
/etc/conf.d/loadkmap. A layout that the guest does not know is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory, MakeLink, Remove, WriteFile
from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import Init, find_init
from imgtools.guest.settings.keyboards import Keyboard, console_keymap, read_rules
from imgtools.guest.settings.variables import set_variables
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import Operation

XORG = "/etc/X11/xorg.conf.d/00-keyboard.conf"
BINARY = "/usr/share/bkeymaps"  # of Alpine's kbd-bkeymaps


def parse_keyboard(text: str) -> Keyboard:
    """Read ``LAYOUT[:VARIANT[:MODEL]]``.

    :raises UsageError: it is not written so.
    """
    parts = text.split(":")
    if len(parts) > 3 or not parts[0] or not all(re.fullmatch(r"[A-Za-z0-9_+-]*", part) for part in parts):
        raise UsageError(
            f"not a keyboard layout: {text!r}", hint="LAYOUT, LAYOUT:VARIANT or LAYOUT:VARIANT:MODEL"
        )
    layout, variant, model = (*parts, "", "")[:3]
    return Keyboard(layout, variant, model or "pc105")


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files that hold the layout.

    :raises NotInGuest: the guest knows no such layout.
    :raises UnsupportedGuest: the guest has nothing that would read it.
    """
    wanted = parse_keyboard(order.text)
    files = guest.files
    _check(files, wanted)
    if guest.os.is_family("alpine"):
        yield from _alpine(files, wanted)
    elif guest.os.is_family("debian"):
        yield from _debian(files, wanted)
    else:
        yield from _others(files, wanted)


def _check(files: GuestReader, wanted: Keyboard) -> None:
    known = read_rules(files)
    if known is None:
        return
    if wanted.layout not in known.layouts:
        raise NotInGuest(f"the guest has no keyboard layout {wanted.layout!r}")
    if wanted.variant and f"{wanted.layout}:{wanted.variant}" not in known.variants:
        raise NotInGuest(f"the guest has no variant {wanted.variant!r} of the layout {wanted.layout}")
    if wanted.model not in known.models:
        raise NotInGuest(f"the guest has no keyboard model {wanted.model!r}")


def _debian(files: GuestReader, wanted: Keyboard) -> Iterator[Change]:
    path = "/etc/default/keyboard"
    if not files.is_file(path) and not files.is_dir("/etc/console-setup"):
        raise UnsupportedGuest(
            "the guest has no console-setup that would read the layout", hint="--install console-setup first"
        )
    values = {"XKBMODEL": wanted.model, "XKBLAYOUT": wanted.layout, "XKBVARIANT": wanted.variant}
    yield from set_variables(files, path, values, quote='"')
    # What console-setup made of the layout before; it makes it anew where it is missing.
    for cached in files.glob("/etc/console-setup/cached_*.kmap.gz"):
        yield Remove(cached)


def _others(files: GuestReader, wanted: Keyboard) -> Iterator[Change]:
    if find_init(files) is not Init.SYSTEMD and files.is_file("/etc/sysconfig/keyboard"):
        values = {
            "KEYTABLE": console_keymap(files, wanted) or wanted.layout,
            "MODEL": wanted.model,
            "LAYOUT": wanted.layout,
            "VARIANT": wanted.variant,
        }
        yield from set_variables(files, "/etc/sysconfig/keyboard", values, quote='"')
        return
    keymap = console_keymap(files, wanted)
    has_x11 = files.is_dir("/etc/X11")
    if not keymap and not has_x11:
        raise UnsupportedGuest(
            f"the guest's console has no keymap for {wanted.layout} {wanted.variant}".rstrip(),
            hint="--install kbd first; localectl list-keymaps shows what there is",
        )
    if keymap:
        values = {"KEYMAP": keymap, "XKBLAYOUT": wanted.layout, "XKBMODEL": wanted.model}
        values |= {"XKBVARIANT": wanted.variant} if wanted.variant else {}
        without = () if wanted.variant else ("XKBVARIANT",)
        yield from set_variables(files, "/etc/vconsole.conf", values, without=without)
    if has_x11:
        yield from _xorg(files, wanted)


def _xorg(files: GuestReader, wanted: Keyboard) -> Iterator[Change]:
    """The same file that localectl writes."""
    lines = [
        'Section "InputClass"',
        '        Identifier "system-keyboard"',
        '        MatchIsKeyboard "on"',
        f'        Option "XkbLayout" "{wanted.layout}"',
        f'        Option "XkbModel" "{wanted.model}"',
        *([f'        Option "XkbVariant" "{wanted.variant}"'] if wanted.variant else []),
        "EndSection",
    ]
    folder = XORG.rpartition("/")[0]
    if not files.is_dir(folder):
        yield MakeDirectory(folder)
    yield WriteFile(XORG, ("\n".join(lines) + "\n").encode())


def _alpine(files: GuestReader, wanted: Keyboard) -> Iterator[Change]:
    """setup-keymap: the map is copied to /etc/keymap, because /usr may not be there yet when it is loaded."""
    name = f"{wanted.layout}-{wanted.variant}" if wanted.variant else wanted.layout
    source = f"{BINARY}/{wanted.layout}/{name}.bmap.gz"
    if not files.is_file(source):
        raise UnsupportedGuest(f"the guest has no keymap {source}", hint="--install kbd-bkeymaps first")
    path = f"/etc/keymap/{name}.bmap.gz"
    if not files.is_dir("/etc/keymap"):
        yield MakeDirectory("/etc/keymap")
    yield WriteFile(path, files.read_bytes(source, limit=1 << 20))
    yield from set_variables(files, "/etc/conf.d/loadkmap", {"KEYMAP": path})
    link = "/etc/runlevels/boot/loadkmap"
    if files.lstat(link) is None:
        yield MakeLink(link, "/etc/init.d/loadkmap")


OPERATION = Operation(
    summary="Set the keyboard layout",
    how="a layout of X11, with a variant and a model if need be",
    plan=plan,
    params=Order,
    metavar="LAYOUT[:VARIANT[:MODEL]]",
)
