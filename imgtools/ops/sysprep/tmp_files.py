"""Remove everything in the temporary directories, dot files too."""

from __future__ import annotations

from imgtools.ops.common_plans import emptying
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove temporary files",
    families=UNIX,
    plan=emptying("/tmp", "/var/tmp"),
)
