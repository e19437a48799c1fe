"""The machine's ID, and cloud-init: whether its settings parse, and what its last run said.

Whether cloud-init will find its source of data where the machine boots next, no disk says.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.first_boot import FirstBootTrouble, first_boot_troubles
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, Remedy, Severity

IDS = {
    "machine-id": "machine-id-malformed",
    "config": "cloud-init-config",
    "errors": "cloud-init-errors",
    "unfinished": "cloud-init-waiting",
}
ADVICE = {
    "config": "correct it: imgtools edit",
    "errors": "see /var/log/cloud-init.log: imgtools log",
    "unfinished": "see /var/log/cloud-init.log; where there is no source of data, say so: datasource_list: [ None ]",
}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is wrong with the machine's ID and with cloud-init."""
    yield from (_finding(one) for one in first_boot_troubles(examined.files))


def _finding(one: FirstBootTrouble) -> Finding:
    words = {
        "machine-id": f"the machine's ID is none: {one.text}",
        "config": f"{one.path} does not parse: {one.text}",
        "errors": f"cloud-init's last run had an error: {one.text}",
        "unfinished": f"cloud-init did not come to its end: {one.text}",
    }
    return Finding(
        IDS[one.kind],
        words[one.kind],
        severity=Severity.SUSPICIOUS,
        confidence=Confidence.LOW if one.kind == "unfinished" else Confidence.HIGH,
        evidence=(Evidence(one.path, one.line, one.text),),
        remedy=Remedy("machine-id") if one.kind == "machine-id" else None,
        advice=ADVICE.get(one.kind, ""),
    )


STATION = Station(
    summary="The machine's ID and cloud-init",
    place=460,
    look=look,
    families=LINUX,
    causes={
        "machine-id-malformed": "/etc/machine-id holds something else than an ID: D-Bus, the journal and DHCP do not "
        "work as they should. An empty file is right: the machine then makes its own.",
        "cloud-init-config": "A file of cloud-init's settings is no YAML: it is left out, with all that it says.",
        "cloud-init-errors": "cloud-init's last run had errors: keys, users or the network may not be as they were "
        "meant.",
        "cloud-init-waiting": "cloud-init's last run did not come to its end: it waits for a source of data that this "
        "machine does not have, or for a network.",
    },
    mended={
        "machine-id": ("machine-id-malformed",),
    },
)
