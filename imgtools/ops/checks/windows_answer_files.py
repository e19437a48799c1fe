"""No file of answers for setup has a password in it.

Passwords of administrators and of the domain are left in them, at most in base64; the preferences of old group
policies have theirs under a key that everybody knows (MS14-025). Setup takes them out of its own copies, and of no
other. The fix does the same; where the guest still waits for its setup, they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.ops.check import Check, Fix, Flaw, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import held
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each password by its place, never what it is."""
    from imgtools.guest.windows.answer_secrets import answer_files, secrets_of
    from imgtools.guest.windows.answers import waits_for_setup

    is_needed = waits_for_setup(held(examined).registry)
    for path in answer_files(examined.files, examined.system.os.windows_systemroot):
        for one in secrets_of(examined.files, path):
            yield Flaw(
                "a password was left in a file of answers",
                path,
                subject=one.name,
                fix=None if is_needed else _fix(path),
                advice="setup still needs it: see that it is changed afterwards" if is_needed else "",
            )


def _fix(path: str) -> Fix:
    def fix(files: GuestReader) -> Iterator[Change]:
        from imgtools.guest.windows.answer_secrets import LONGEST, secrets_of, without_secrets

        if secrets_of(files, path):
            content = files.read_bytes(path, limit=LONGEST)
            what = "answers for setup without their passwords"
            yield WriteFile(path, without_secrets(content, path), private=True, what=what)

    return fix


CHECK = Check(
    title="No file of answers has a password in it",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 IA-5",),
)
