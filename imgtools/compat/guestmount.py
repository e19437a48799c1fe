"""guestmount: show a guest's files as a folder of the host."""

from __future__ import annotations

import os
from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import KEYS, MOUNT, NAMING, SPEAKING, TRACING, source, writing
from imgtools.compat.words import Takes, Words, idle, refused, switch, valued
from imgtools.errors import HostError, UsageError
from imgtools.records.request import Target

OPTIONS = (
    *NAMING,
    *KEYS,
    MOUNT,
    switch("--ro", "-r"),
    switch("--rw", "-w"),
    idle("the guest is looked for unless -m is given", "--inspector", "-i"),
    idle("what is read stays in memory as long as it is true", "--dir-cache-timeout", takes=Takes.VALUE),
    valued("--fd"),
    refused("of FUSE's options there are -o allow_other and -o default_permissions", "--fuse-help"),
    refused("guests that run are not looked into", "--live"),
    switch("--no-fork"),
    idle("what was written is always synced", "--no-sync", "-n"),
    valued("--option", "-o"),
    valued("--pid-file"),
    idle("labels are shown without it", "--selinux"),
    idle(TRACING, "--trace"),
    *SPEAKING,
)
# Of FUSE's options, those that change nothing here: times that it keeps names and attributes, and what it prints.
WITHOUT_EFFECT = ("attr_timeout", "entry_timeout", "negative_timeout", "default_permissions", "ro", "rw")


def run(words: Words) -> int:
    """Mount; unless --ro was given, what is changed there is made when the folder is unmounted."""
    from imgtools.workflows.mount import mount_image

    if len(words.rest) != 1:
        raise UsageError(
            "you must specify a mountpoint in the host filesystem", hint="guestmount -a IMAGE -i FOLDER"
        )
    reads = next((one.name == "--ro" for one in reversed(words.given) if one.name in ("--ro", "--rw")), False)
    options = [one for given in words.all("--option") for one in given.split(",")]
    for option in options:
        if option != "allow_other" and option.partition("=")[0] not in WITHOUT_EFFECT:
            raise UsageError(f"-o {option} is not taken", hint="-o allow_other lets other users look")
    request = source(words)
    report = mount_image(
        request if reads else writing(request),
        Target(write=not reads),
        Path(words.rest[0]),
        foreground=words.has("--no-fork"),
        allow_other="allow_other" in options,
    )
    _tell(words, report.pid)
    report_warnings(words, report.warnings)
    return 0


def _tell(words: Words, pid: int) -> None:
    """Write the server's process into the file that was named, and say that it is ready where that was asked for."""
    try:
        if name := words.last("--pid-file"):
            Path(name).write_text(f"{pid}\n")
        if number := words.last("--fd"):
            os.write(int(number), b"\0")
    except (OSError, ValueError) as error:
        raise HostError(
            f"mounted, but nobody could be told: {error}", hint="guestunmount takes it down"
        ) from None
