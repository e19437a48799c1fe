"""The profiles of AppArmor are enforced.

A profile in complain mode only reports, and one that is disabled is not loaded. Some come so with the distribution.
Source: apparmor.d(5) (flags), aa-complain(8), aa-disable(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.logs.keepers import texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

FOLDER = "/etc/apparmor.d"
FLAGS = re.compile(r"(?m)^[^#\n]{0,1000}\bflags[ \t]*=[ \t]*\(([^)\n]*)\)")
MOST = 1000


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the profiles that are not enforced."""
    files = examined.files
    if not starts(examined, "apparmor"):
        yield NotThere("AppArmor is not started")
        return
    for folder, text in (("disable", "is disabled"), ("force-complain", "only reports")):
        for path in list(files.glob(f"{FOLDER}/{folder}/*"))[:MOST]:
            name = path.rpartition("/")[2]
            if files.is_file(f"{FOLDER}/{name}"):
                yield Flaw(f"the profile {name} {text}", path, subject=name)
    for path, said in texts(files, (f"{FOLDER}/*",)):
        if any("complain" in found[1].replace(",", " ").split() for found in FLAGS.finditer(said)):
            name = path.rpartition("/")[2]
            yield Flaw(f"the profile {name} only reports", path, subject=name, advice=f"aa-enforce {name}")


CHECK = Check(
    title="The profiles of AppArmor are enforced",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 1.3.1.4", "ANSSI R45"),
)
