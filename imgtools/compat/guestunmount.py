"""guestunmount: take down what guestmount has shown, and wait until the image is finished."""

from __future__ import annotations

from pathlib import Path

from imgtools.compat.sources import TRACING
from imgtools.compat.words import Takes, Words, idle, refused, switch
from imgtools.errors import ImgtoolsError, UsageError

OPTIONS = (
    refused(
        "it returns when the image is finished: nobody has to wait for the server", "--fd", takes=Takes.VALUE
    ),
    switch("--help"),
    switch("--quiet", "-q"),
    idle("it waits until the image is finished", "--no-retry"),
    idle("it waits until the image is finished", "--retry", takes=Takes.VALUE),
    idle(TRACING, "--verbose", "-v"),
    switch("--version", "-V"),
    switch("--long-options"),
    switch("--short-options"),
)
FAILED = (
    3  # what it exits with where the folder cannot be unmounted; 2 where it is not mounted (guestunmount(1))
)


def run(words: Words) -> int:
    """Unmount; what was changed is made now."""
    from imgtools.compat.dispatch import complain
    from imgtools.workflows.mount import unmount_image

    if len(words.rest) != 1:
        raise UsageError("you must specify a mountpoint", hint="guestunmount FOLDER")
    try:
        unmount_image(Path(words.rest[0]))
    except ImgtoolsError as error:
        if not words.has("--quiet"):
            complain(words.program, error)
        return FAILED if Path(words.rest[0]).is_mount() else FAILED - 1
    return 0
