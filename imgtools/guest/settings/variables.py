"""Files of shell variables: /etc/locale.conf, /etc/default/keyboard, /etc/sysconfig/i18n."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.files.tree import GuestReader

LIMIT = 1 << 20


def set_variables(
    files: GuestReader, path: str, values: Mapping[str, str], *, without: Sequence[str] = (), quote: str = ""
) -> Iterator[Change]:
    """Yield a file with variables set, others taken out, and its other lines as they were; a missing one is made."""
    text = files.read_text(path, limit=LIMIT) if files.is_file(path) else ""
    edited = text
    for name in without:
        edited = re.sub(rf"(?m)^[ \t]*(export[ \t]+)?{name}=.*\n?", "", edited)
    for name, value in values.items():
        line = f"{name}={quote}{value}{quote}"
        pattern = rf"(?m)^[ \t]*{name}=.*$"
        if re.search(pattern, edited):
            edited = re.sub(pattern, lambda _, line=line: line, edited)  # type: ignore[misc]
        else:
            edited += ("" if not edited or edited.endswith("\n") else "\n") + f"{line}\n"
    if edited == text:
        return
    folder = path.rpartition("/")[0]
    if not files.is_dir(folder):
        yield MakeDirectory(folder)
    yield WriteFile(path, edited.encode("utf-8", "surrogateescape"))
