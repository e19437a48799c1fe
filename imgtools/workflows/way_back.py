"""The way back of an edit in a file: a plan that ``imgtools apply`` carries out."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgtools.change.change import WriteDisk
from imgtools.change.document import kind_of
from imgtools.disk.new_file import new_file
from imgtools.errors import host_fault
from imgtools.image.way_back import keeping_way_back


@contextmanager
def way_back_into(host_path: Path, image: str) -> Iterator[None]:
    """Within this, an edit in place writes its way back into a file before it counts; without it, nothing counts.

    The file is whole or not there, for its owner only, and takes the place of one that is there.

    :param image: what the file says that it is of.
    :raises HostError: by the edit: the file cannot be written; NoRoom: there is no room for it.
    """

    def keep(changes: Iterator[WriteDisk]) -> None:
        with new_file(host_path, overwrite=True) as draft:
            try:
                descriptor = os.open(draft.host_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                    stream.writelines(_document(changes, image))
            except OSError as error:
                raise (host_fault(error) or error) from None

    with keeping_way_back(keep):
        yield


def _document(changes: Iterator[WriteDisk], image: str) -> Iterator[str]:
    """Yield a plan, a change a line. Bytes are base64, whatever they are: zeros would be six characters each."""
    yield f'{{"image": {json.dumps(image)}, "changes": [\n'
    for number, one in enumerate(changes):
        change = {
            "kind": kind_of(one),
            "device": one.device,
            "offset": one.offset,
            "content_b64": base64.b64encode(one.content).decode("ascii"),
            "before": one.before,
            "what": "what was there before",
        }
        yield f"{',' if number else ' '}{json.dumps(change)}\n"
    yield "]}\n"
