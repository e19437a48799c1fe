"""The SMB server does not speak SMB 1.

It neither signs nor encrypts well, and WannaCry spread by it (MS17-010). Windows has it since 10 1709 and Server 2019
only where somebody asked for it: then there is its driver, srv. "Detect, enable and disable SMBv1, SMBv2, and SMBv3 in
Windows" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.windows.release import WIN1709
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SERVICES, flaw, held, no_smb_server, service
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

KEY = rf"{SERVICES}\LanmanServer\Parameters"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the setting, if it allows what the guest has the driver for."""
    if reason := no_smb_server(examined):
        yield NotThere(reason)
        return
    registry = held(examined)
    said = registry.number(KEY, "SMB1")
    if said == 0:
        return
    if said is None and not registry.release.build:
        yield NotKnown("SMB1 is not set, and what this Windows does then is not known")
        return
    has_driver = service(examined, "srv") is not None
    if said is not None or has_driver or registry.release.build < WIN1709:
        evidence = "not set, which means 1" if said is None else str(said)
        yield flaw(examined, KEY, "SMB1", "the SMB server speaks SMB 1", evidence=evidence, to=0)


CHECK = Check(
    title="The SMB server does not speak SMB 1",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
