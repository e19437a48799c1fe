"""The server proves who it is with a signature that cannot be forged.

DSA has keys of 1024 bits, and ssh-rsa signs with SHA-1, for which collisions are made for little money; RSA keys go
on with rsa-sha2. OpenSSH dropped ssh-rsa in 8.8 and DSA in 7.0. Source: sshd_config(5), HostKeyAlgorithms.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import ADVICE, rest_of, setting, without
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``weak``: patterns of algorithms that are not to be offered."""

    weak: tuple[str, ...] = ("ssh-dss*", "ssh-rsa", "ssh-rsa-cert-*")


CHECK = Check(
    title="The SSH server signs with no weak algorithms",
    severity=Level.MEDIUM,
    look=setting(
        "HostKeyAlgorithms",
        without("weak", "weak algorithms of host keys are offered: {}"),
        rest_of("weak"),
        ADVICE,
    ),
    params=Params,
    references=("NIST 800-53 SC-13",),
)
