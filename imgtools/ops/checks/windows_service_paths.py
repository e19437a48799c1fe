r"""Paths of services' programs are in quotes, if there are spaces in them.

Of C:\Program Files\My App\a.exe without quotes Windows tries C:\Program.exe first, and then C:\Program Files\My.exe:
who may make one of those gets the rights of the service (MITRE ATT&CK T1574.009; "CreateProcess function",
learn.microsoft.com). The fix puts the quotes there.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import RegistrySet
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SERVICES, held, services, shown
from imgtools.records.audit import Level

OWN_PROCESS = ("own-process", "shared-process", "user-process")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each service whose program has a space in its path, and no quotes around it."""
    from imgtools.guest.windows.held_registry import short_name
    from imgtools.guest.windows.services import PROGRAM

    registry = held(examined)
    for one in services(examined):
        key = rf"{SERVICES}\{one.name}"
        value = registry.values(key).get("ImagePath") if one.kind in OWN_PROCESS else None
        text = (value.text or "").strip() if value is not None else ""
        match = PROGRAM.match(text)
        if value is None or match is None or text.startswith('"') or " " not in match[1]:
            continue
        place = registry.registry.place(key)
        quoted = f'"{match[1]}"{text[match.end() :]}'
        change = RegistrySet(place.path, place.key, "ImagePath", value.type_name, text=quoted)
        yield Flaw(
            f"the path of {one.name} has spaces and no quotes",
            place.path,
            subject=short_name(key, "ImagePath"),
            evidence=shown(text),
            severity=Level.LOW if one.start == "disabled" else None,
            fix=always(change),
        )


CHECK = Check(
    title="Paths of services with spaces are in quotes",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-6",),
)
