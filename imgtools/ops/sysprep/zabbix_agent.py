"""Take the fixed host name out of the Zabbix agent: it then reports under the name that the clone has."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import dropping_lines

OPERATION = Operation(
    summary="Take the fixed host name out of the Zabbix agent",
    families=LINUX,
    plan=dropping_lines(
        r"^\s*Hostname\s*=",
        "/etc/zabbix/zabbix_agent{d,2}.conf",
        "/etc/zabbix/zabbix_agent{d,2}.d/*.conf",
        "/etc/zabbix_agentd.conf",
    ),
)
