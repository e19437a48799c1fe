"""virt-cat: print files of a guest."""

from __future__ import annotations

from imgtools.compat.dispatch import complain
from imgtools.compat.guest_files import opened
from imgtools.compat.sources import KEYS, MOUNT, NAMING, SPEAKING, source
from imgtools.compat.text import put_bytes
from imgtools.compat.words import Words
from imgtools.errors import ImgtoolsError, UsageError

OPTIONS = (*NAMING, *KEYS, MOUNT, *SPEAKING)
CHUNK = 1 << 20  # bytes held at a time


def run(words: Words) -> int:
    """Print each file; one that cannot be read does not keep the others back."""
    files = words.rest
    old: tuple[str, ...] = ()
    if not words.has("--add") and not words.has("--domain"):
        old, files = files[:-1], files[-1:]
    if not files:
        raise UsageError("no file is named", hint=f"{words.program} -a IMAGE FILE ...")
    failed = False
    with opened(words, source(words, old)) as view:
        for path in files:
            try:
                with view.files.open(view.path(path)) as stream:
                    while chunk := stream.read(CHUNK):
                        put_bytes(chunk)
            except ImgtoolsError as error:
                complain(words.program, error)
                failed = True
    return int(failed)
