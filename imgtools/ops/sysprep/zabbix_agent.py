"""Take the fixed host name out of the Zabbix agent: it then reports under the name that the clone has."""

from __future__ import annotations

from imgtools.ops.common_plans import dropping_lines
from imgtools.ops.operation import LINUX, Operation

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
