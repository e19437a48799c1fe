"""Remove everything in the temporary directories, dot files too."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import emptying

OPERATION = Operation(
    summary="Remove temporary files",
    families=UNIX,
    plan=emptying("/tmp", "/var/tmp"),
)
