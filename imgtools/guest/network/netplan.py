"""Netplan's files, by the line: what names a MAC address, what is a static address. Comments and layout stay."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

Pair = tuple[yaml.Node, yaml.Node]
STATIC = ("addresses", "gateway4", "gateway6", "routes")


def without_macs(text: str) -> str:
    """Return a file without MAC addresses; one that is no YAML as it is."""
    dropped = {number for pair in _macs(_parse(text)) for number in _lines(pair)}
    lines = text.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines) if number not in dropped)


def static_lines(text: str) -> dict[str, str | None]:
    """Return the lines that give interfaces static addresses, each with the line that takes its place; None: it goes.

    The first line of the addresses becomes ``dhcp4: true``. Lines are told by their text, so that other edits of
    the file may come before; empty if a line of the same text means something else, or the file is no YAML.
    """
    lines = text.splitlines()
    found: dict[int, str | None] = {}
    for _, kind in _pairs(_child(_parse(text), "network")):
        for _, interface in _pairs(kind):
            if not getattr(interface, "flow_style", True) and _child(interface, "addresses") is not None:
                found |= _static_of(interface)
    places: dict[str, str | None] = {lines[number]: place for number, place in found.items()}
    for number, line in enumerate(lines):
        if line in places and found.get(number, "") != places[line]:
            return {}
    return places


def _static_of(interface: yaml.Node) -> dict[int, str | None]:
    by_dhcp = any(key.value == "dhcp4" and _is_true(value) for key, value in _pairs(interface))
    found: dict[int, str | None] = {}
    for key, value in _pairs(interface):
        if key.value in STATIC or (key.value in ("dhcp4", "dhcp6") and not _is_true(value)):
            found |= dict.fromkeys(_lines((key, value)))
        if key.value == "addresses" and not by_dhcp:
            found[key.start_mark.line] = f"{' ' * key.start_mark.column}dhcp4: true"
    return found


def _is_true(value: yaml.Node) -> bool:
    return str(value.value).lower() in ("true", "yes", "on", "y")


def _parse(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None


def _macs(document: yaml.Node | None) -> Iterator[Pair]:
    """Yield the key and value nodes that have to go."""
    for _, kind in _pairs(_child(document, "network")):
        for _, interface in _pairs(kind):
            yield from (pair for pair in _pairs(interface) if pair[0].value == "macaddress")
            match = _pairs(_child(interface, "match"))
            macs = [pair for pair in match if pair[0].value == "macaddress"]
            if macs and len(macs) == len(match):
                yield from (pair for pair in _pairs(interface) if pair[0].value in ("match", "set-name"))
            else:
                yield from macs


def _pairs(node: yaml.Node | None) -> list[Pair]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    return next((value for key, value in _pairs(node) if key.value == name), None)


def _lines(pair: Pair) -> range:
    """The lines that a key and its value take."""
    key, value = pair
    return range(key.start_mark.line, _last_line(value) + 1)


def _last_line(node: yaml.Node) -> int:
    """A block's own end mark is where the next thing begins, so the end of its last item counts."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.line)
