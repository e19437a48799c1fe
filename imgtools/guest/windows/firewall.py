r"""Rules of the firewall of a Windows guest, as its registry has them: ``v2.10|Action=Allow|Active=TRUE|Dir=In|...``.

Source: [MS-GPFAS] 2.2.2, firewall rules; the machine's own are in the service's key and not in that of policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from imgtools.change.change import RegistrySet
from imgtools.guest.windows.registry import MACHINE, Registry

RULES = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
MOST = 20_000  # rules that are looked at


def switch_rules_on(registry: Registry, prefix: str) -> Iterator[RegistrySet]:
    """Yield the rules whose names begin so, as far as they are off; what they let in stays Windows' own choice."""
    place, key = registry.place(RULES), registry.find(RULES)
    for number, value in enumerate(key.values() if key is not None else ()):
        if number > MOST:
            return
        if value.name.casefold().startswith(prefix.casefold()) and value.text is not None:
            active = re.sub(r"(?i)\|Active=FALSE\|", "|Active=TRUE|", value.text)
            if active != value.text:
                yield RegistrySet(place.path, place.key, value.name, text=active)


def has_rules(registry: Registry, prefix: str, port: int) -> bool:
    """Whether there is a rule whose name begins so, for a TCP port."""
    key = registry.find(RULES)
    found = (
        [one.text or "" for one in key.values() if one.name.casefold().startswith(prefix.casefold())]
        if key
        else []
    )
    return any(f"|LPort={port}|" in text and "|Protocol=6|" in text for text in found)


def let_in(registry: Registry, name: str, port: int, title: str) -> Iterator[RegistrySet]:
    """Yield a rule of its own that lets a TCP port in."""
    place, key = registry.place(RULES), registry.find(RULES)
    rule = f"v2.0|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort={port}|Name={title}|"
    if key is None or key.text(name) != rule:
        yield RegistrySet(place.path, place.key, name, text=rule)


def open_rules(registry: Registry) -> tuple[Mapping[str, str], ...]:
    """Return the rules that let something in and are on, each by the names of its fields in small letters."""
    key = registry.find(RULES)
    found = []
    for value in key.values()[:MOST] if key is not None else ():
        fields = (part.partition("=") for part in (value.text or "").split("|"))
        rule = {name.lower(): said for name, _, said in fields}
        kind = (rule.get("active", "").lower(), rule.get("dir", "").lower(), rule.get("action", "").lower())
        if kind == ("true", "in", "allow"):
            found.append(rule)
    return tuple(found)
