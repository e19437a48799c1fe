"""The SMB client does not speak SMB 1.

A server that stands between can talk it down to SMB 1, which protects nothing. Its driver, mrxsmb10, is there only
where somebody asked for it since Windows 10 1709: "Detect, enable and disable SMBv1, SMBv2, and SMBv3 in Windows"
(learn.microsoft.com), which also says that the client must not depend on the driver then.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import RegistrySet
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import DISABLED, SERVICES, held, service
from imgtools.records.audit import Level

DRIVER, CLIENT = "mrxsmb10", "LanmanWorkstation"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the driver if it may start; its fix takes it out of what the client needs, too."""
    found = service(examined, DRIVER)
    if found is None:
        return
    registry = held(examined)
    place = registry.registry.place(rf"{SERVICES}\{DRIVER}")
    client = registry.registry.place(rf"{SERVICES}\{CLIENT}")
    needs = registry.values(rf"{SERVICES}\{CLIENT}").texts("DependOnService")
    kept = tuple(one for one in needs if one.lower() != DRIVER)
    changes = [RegistrySet(place.path, place.key, "Start", "REG_DWORD", number=DISABLED)]
    if kept and kept != needs:
        changes.append(RegistrySet(client.path, client.key, "DependOnService", "REG_MULTI_SZ", texts=kept))
    alone = needs and not kept
    yield Flaw(
        "the SMB client speaks SMB 1",
        place.path,
        subject=found.name,
        evidence=f"the driver starts: {found.start}",
        fix=None if alone else always(*changes),
        advice=f"{CLIENT} depends on it alone: mend that first" if alone else "",
    )


CHECK = Check(
    title="The SMB client does not speak SMB 1",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
