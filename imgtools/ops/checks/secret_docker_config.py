"""No passwords of container registries lie in the homes of accounts.

docker login keeps user and password in base64, which hides nothing, unless a credential helper is set. Source: docker
login, containers-auth.json(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import UNIX
from imgtools.ops.secret_checks import kept_in_homes
from imgtools.records.audit import Level

CHECK = Check(
    title="No passwords of container registries lie in homes",
    severity=Level.MEDIUM,
    look=kept_in_homes(
        "a password of a container registry",
        r'"(auth|identitytoken|registrytoken)"\s*:\s*"[^"]+"',
        ".docker/config.json",
        ".dockercfg",
        ".config/containers/auth.json",
        advice="log out of the registry (docker logout), and use a credential helper",
    ),
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)
