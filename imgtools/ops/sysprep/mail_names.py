"""Take the name of this machine out of the mail servers: they then use the host name that the clone has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import rewrite
from imgtools.ops.operation import LINUX, NoParams, Operation

MAILNAME = "/etc/mailname"
# mailname(5): programs of Debian fail without the file, so it keeps a name that is true of every machine.
EVERYBODY = "localhost\n"
HARDCODED = {
    "/etc/postfix/main.cf": r"^\s*myhostname\s*=",
    "/etc/exim4/exim4.conf.localmacros": r"^\s*MAIN_HARDCODE_PRIMARY_HOSTNAME\s*=",
}
# Other names under which the machine takes mail; its own is one of them where the installer has said so.
LISTS = {"/etc/postfix/main.cf": "mydestination", "/etc/exim4/update-exim4.conf.conf": "dc_other_hostnames"}


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the edits of the files that hold a name."""
    if guest.files.is_file(MAILNAME):
        yield from rewrite(guest.files, MAILNAME, EVERYBODY)
    for path, expression in HARDCODED.items():
        if guest.files.is_file(path):
            yield EditLines(guest.files.resolve(path), (LineEdit(expression),))
    name = re.escape(guest.os.hostname.partition(".")[0])
    for path, setting in LISTS.items():
        if name and guest.files.is_file(path):
            own = rf"^(\s*{setting}\s*=.*?)(?<![\w.-]){name}(?:\.[\w.-]+)?(?![\w.-])\s*[,;:]?\s*"
            edit = LineEdit(own, r"\1")
            yield EditLines(guest.files.resolve(path), (edit, edit))  # with its domain, and without


OPERATION = Operation(summary="Take the host name out of Postfix and Exim", families=LINUX, plan=plan)
