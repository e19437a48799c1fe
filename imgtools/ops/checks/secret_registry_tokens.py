"""No tokens of package registries lie in the homes of accounts.

Whoever has one may publish packages under that name, which others then install. Places: npmrc(5), twine, cargo, gem,
composer, Maven and NuGet, each on its credentials.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import UNIX
from imgtools.ops.secret_checks import kept_in_homes
from imgtools.records.audit import Level

CHECK = Check(
    title="No tokens of package registries lie in homes",
    severity=Level.HIGH,
    look=kept_in_homes(
        "a token of a package registry",
        r"""(?i)(_authToken|_password|^\s*password|^\s*token|:rubygems_api_key|"token")\s*[=:]\s*\S""",
        ".npmrc",
        ".pypirc",
        ".cargo/credentials",
        ".cargo/credentials.toml",
        ".gem/credentials",
        ".composer/auth.json",
        ".config/composer/auth.json",
        ".m2/settings-security.xml",
        ".nuget/NuGet/NuGet.Config",
        advice="remove it, and revoke it: who has it may publish under that name",
    ),
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)
