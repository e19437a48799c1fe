"""A template has no saved random seed, and no key that credentials are sealed with.

Clones that begin with the same seed may make the same keys. Source: systemd-random-seed.service(8), systemd-creds(1).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template has no saved random seed",
    severity=Level.MEDIUM,
    look=sysprep_finds("a seed of random numbers", "random-seed", "credential-secret"),
    families=LINUX,
)
