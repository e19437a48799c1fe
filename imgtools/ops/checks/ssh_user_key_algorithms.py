"""Users prove who they are with a signature that cannot be forged.

DSA has keys of 1024 bits, and ssh-rsa signs with SHA-1, for which collisions are made for little money; RSA keys go
on with rsa-sha2. OpenSSH dropped ssh-rsa in 8.8 and DSA in 7.0. It is no fix of a tool: users may have no other key.
Source: sshd_config(5), PubkeyAcceptedAlgorithms.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import nothing, setting, without
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``weak``: patterns of algorithms that are not to be offered."""

    weak: tuple[str, ...] = ("ssh-dss*", "ssh-rsa", "ssh-rsa-cert-*")


CHECK = Check(
    title="The SSH server takes no keys of weak algorithms",
    severity=Level.MEDIUM,
    look=setting(
        "PubkeyAcceptedAlgorithms",
        without("weak", "keys of users may be of weak algorithms: {}"),
        nothing,
        "once no user has such a key: take them out of the list",
    ),
    params=Params,
    references=("NIST 800-53 SC-13",),
)
