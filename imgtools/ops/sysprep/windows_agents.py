"""Remove the identities of agents that manage the machine: they register each clone anew.

Puppet, Salt, Chef, cloudbase-init, Configuration Manager, Defender for Endpoint and CrowdStrike, as their makers
describe it for images.
"""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import (
    emptying_in_windows,
    removing_from_windows,
    removing_keys_below,
    removing_values,
    together,
)

SENSOR = (
    r"HKLM\SYSTEM\CrowdStrike\{9b03c1d9-3138-44ed-9fae-d9f4c034b88d}"
    r"\{16e0423f-7058-48c9-a204-725362b67639}\Default"
)

OPERATION = Operation(
    summary="Remove the identities of management agents",
    families=WINDOWS,
    plan=together(
        emptying_in_windows("/ProgramData/PuppetLabs/puppet/etc/ssl", "/ProgramData/PuppetLabs/puppet/ssl"),
        removing_from_windows(
            "/salt/conf/pki/minion/*",
            "/salt/conf/minion_id",
            "/ProgramData/Salt Project/Salt/conf/pki/minion/*",
            "/ProgramData/Salt Project/Salt/conf/minion_id",
            "/chef/client.pem",
            "%/SMSCFG.ini",
        ),
        removing_keys_below(r"HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init"),
        removing_keys_below(r"HKLM\SOFTWARE\Microsoft\SystemCertificates\SMS\Certificates"),
        removing_values(
            r"HKLM\SOFTWARE\Microsoft\Windows Advanced Threat Protection",
            "senseGuid",
            "7DC0B629-D7F6-4DB3-9BF7-64D5AAF50F1A",
        ),
        removing_values(
            SENSOR,
            "AG",
        ),
    ),
)
