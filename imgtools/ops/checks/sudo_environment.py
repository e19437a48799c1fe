"""Commands of sudo do not get the environment of whoever runs them.

With !env_reset, or a variable such as LD_PRELOAD kept, a user makes a program of root's load what he wrote; sudo
drops the worst by itself, not those of interpreters. It is no fix of a tool: a rule may need a variable. Source:
sudoers(5), env_reset, env_keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo
from imgtools.records.audit import Level

DANGEROUS = (
    "LD_*",
    "PERL5LIB",
    "PERL5OPT",
    "PYTHON*",
    "RUBYLIB",
    "RUBYOPT",
    "BASH_ENV",
    "ENV",
    "IFS",
    "NODE_OPTIONS",
)


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield settings that pass on what decides which code is run."""
    reset = rules.setting("env_reset")
    if reset is not None and reset.is_off:
        yield Flaw("sudo passes on the whole environment", reset.path, reset.line, evidence="!env_reset")
    for one in rules.defaults:
        if one.name != "env_keep" or one.is_off:
            continue
        bad = [name for name in one.value.split() if any(fnmatchcase(name, each) for each in DANGEROUS)]
        if bad or one.value.strip() == "*":
            text = f"sudo passes on {', '.join(bad) or 'every variable'}"
            yield Flaw(
                text, one.path, one.line, one.scope, f"env_keep {one.value[:120]}", advice="take it out"
            )


CHECK = Check(
    title="sudo does not pass on the environment",
    severity=Level.MEDIUM,
    look=of_sudo(look),
    references=("NIST 800-53 AC-6",),
)
