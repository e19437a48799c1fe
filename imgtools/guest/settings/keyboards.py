"""Which keyboard layouts a guest knows: X11's by rules, the console's by files of keymaps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.files.tree import GuestReader

RULES = ("/usr/share/X11/xkb/rules/base.lst", "/usr/share/X11/xkb/rules/evdev.lst")
KEYMAPS = ("/usr/share/kbd/keymaps", "/usr/lib/kbd/keymaps", "/lib/kbd/keymaps", "/usr/share/keymaps")
MODEL_MAP = ("/usr/share/systemd/kbd-model-map", "/usr/lib/systemd/kbd-model-map")
LIMIT = 4 << 20  # bytes; base.lst has 50 kB


@dataclass(frozen=True, slots=True)
class Keyboard:
    """A layout in X11's words; ``variant`` "" is the plain one."""

    layout: str
    variant: str = ""
    model: str = "pc105"


@dataclass(frozen=True, slots=True)
class Known:
    """What X11's rules list; ``variants`` are ``layout:variant``."""

    layouts: frozenset[str]
    variants: frozenset[str]
    models: frozenset[str]


def read_rules(files: GuestReader) -> Known | None:
    """Return what the guest's xkb-data knows, None if it is not installed."""
    path = next((path for path in RULES if files.is_file(path)), "")
    if not path:
        return None
    found: dict[str, set[str]] = {"layout": set(), "variant": set(), "model": set()}
    section = ""
    for line in files.read_text(path, limit=LIMIT).splitlines():
        words = line.split()
        if line.startswith("!"):
            section = words[1] if len(words) > 1 else ""
        elif section == "variant" and len(words) > 1:
            found["variant"].add(f"{words[1].rstrip(':')}:{words[0]}")
        elif section in found and words:
            found[section].add(words[0])
    return Known(frozenset(found["layout"]), frozenset(found["variant"]), frozenset(found["model"]))


def console_keymap(files: GuestReader, wanted: Keyboard) -> str:
    """Return the console's keymap for a layout: by systemd's table, else one of that name; "" if there is none."""
    for path in MODEL_MAP:
        if files.is_file(path):
            for line in files.read_text(path, limit=LIMIT).splitlines():
                words = line.split()
                if len(words) < 4 or line.startswith("#") or words[1] != wanted.layout:
                    continue
                variant = "" if words[3] == "-" else words[3]
                if variant == wanted.variant and _has_keymap(files, words[0]):
                    return words[0]
    names = (
        [f"{wanted.layout}-{wanted.variant}"]
        if wanted.variant
        else [wanted.layout, f"{wanted.layout}-latin1"]
    )
    return next((name for name in names if _has_keymap(files, name)), "")


def _has_keymap(files: GuestReader, name: str) -> bool:
    if not re.fullmatch(r"[\w.-]+", name):
        return False
    for folder in KEYMAPS:
        # kbd sorts its maps by machine and by the keys' order: legacy/i386/qwertz/de.map.gz.
        for depth in ("", "*/", "*/*/", "*/*/*/"):
            if any(True for _ in files.glob(f"{folder}/{depth}{name}.{{map,map.gz,kmap.gz}}")):
                return True
    return False
