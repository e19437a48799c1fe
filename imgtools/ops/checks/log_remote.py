"""The messages of a server also go to another machine.

Whoever breaks in removes the traces that are here, not those there. A matter of servers. Source: rsyslog's omfwd and
omrelp, syslog-ng's network(), systemd-journal-upload(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.logs.keepers import sends_away
from imgtools.guest.services.started import Init
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

# Agents that send logs away, with configurations of their own.
AGENTS = (
    "filebeat",
    "fluent-bit",
    "fluentd",
    "td-agent",
    "vector",
    "promtail",
    "alloy",
    "splunk",
    "SplunkForwarder",
    "nxlog",
    "google-cloud-ops-agent",
    "amazon-cloudwatch-agent",
    "systemd-journal-upload",
    "wazuh-agent",
    "datadog-agent",
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest that keeps its messages to itself."""
    if examined.once(init_of) is Init.UNKNOWN:
        yield NotThere("the guest has no init")
    elif not sends_away(examined.files) and not starts(examined, *AGENTS):
        yield Flaw(
            "messages go to no other machine", advice="have rsyslog send them, with TLS: omfwd or omrelp"
        )


CHECK = Check(
    title="Messages also go to another machine",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.1.2.6", "NIST 800-53 AU-9"),
)
