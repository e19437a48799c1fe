"""Remove saved random seeds: two clones must not start from the same one."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove saved random seeds",
    families=LINUX,
    plan=removing(
        "/var/lib/systemd/random-seed",
        "/var/lib/random-seed",
        "/var/lib/urandom/random-seed",
        "/var/lib/misc/random-seed",
        "/boot/loader/random-seed",
        "/boot/efi/loader/random-seed",
        "/efi/loader/random-seed",
    ),
)
