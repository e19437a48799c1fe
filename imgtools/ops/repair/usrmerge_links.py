"""Make the links /bin, /sbin, /lib and /lib64 into /usr again, where a distribution keeps everything there.

Without /lib64 no program finds its loader, without /bin there is no shell: the kernel panics. A link is made where the
folder in /usr is there, the others of the four are such links, and nothing or an empty folder has its name. A folder
with files is left alone: what is in it has to be looked at. Source: systemd's "The Case for the /usr Merge".
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeLink, Remove
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, NoParams, Operation
from imgtools.records.files import FileKind

NAMES = ("bin", "sbin", "lib", "lib64")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the links that are missing."""
    files = guest.files
    if not is_merged(files):
        return
    for name in NAMES:
        path = f"/{name}"
        found = files.lstat(path)
        if not files.is_dir(f"/usr/{name}") or (files.is_dir(path) and not _is_empty(files, path)):
            continue
        if found is not None and found.kind is FileKind.DIRECTORY:
            yield Remove(path)
        yield MakeLink(path, f"usr/{name}", 0, 0)


def _is_empty(files: GuestReader, path: str) -> bool:
    found = files.lstat(path)
    return found is not None and found.kind is FileKind.DIRECTORY and not files.list_dir(path)


def is_merged(files: GuestReader) -> bool:
    """Whether a guest keeps its programs in /usr: one of the links is there, or all of them are gone."""
    links = [name for name in NAMES if _leads_to_usr(files, name)]
    folders = [name for name in NAMES[:3] if files.is_dir(f"/{name}") and name not in links]
    is_whole = files.is_dir("/usr/bin") and files.is_dir("/usr/lib")
    return is_whole and (bool(links) or not folders) and all(_is_empty(files, f"/{one}") for one in folders)


def _leads_to_usr(files: GuestReader, name: str) -> bool:
    found = files.lstat(f"/{name}")
    is_link = found is not None and found.kind is FileKind.LINK
    return is_link and files.read_link(f"/{name}").strip("/").startswith("usr/")


OPERATION = Operation(
    summary="Make the links of the /usr merge again",
    families=LINUX,
    plan=plan,
    order=290,
)
