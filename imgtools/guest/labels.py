"""SELinux labels for files that an edit makes, from the guest's own policy."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from imgtools.change.change import Change, MakeDirectory, MakeLink, MakeSpecial, Upload, WriteFile
from imgtools.change.plan import Labeller
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.selinux import load_file_contexts
from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader
from imgtools.guest.selinux import find_selinux
from imgtools.records.files import FileKind

log = logging.getLogger(__name__)

LIMIT = 16 << 20  # bytes; the reference policy's file_contexts has 0.5 MB
BESIDE = ("", ".homedirs", ".local", ".subs", ".subs_dist")
AUTORELABEL = "/.autorelabel"  # a file that has the guest label itself when it boots


def new_file_labeller(files: GuestReader) -> Labeller | None:
    """Return what gives new files their labels; None if the guest needs none, or they cannot be decided.

    :func:`needs_autorelabel` tells which of the two it is.
    """
    selinux = find_selinux(files)
    if not selinux.labels_files or not selinux.label_files:
        return None
    contexts = selinux.label_files[0].removesuffix(".homedirs").removesuffix(".local").removesuffix(".subs")
    with scratch_folder() as folder:
        host_path = folder / "file_contexts"
        for suffix in BESIDE:
            if files.is_file(contexts + suffix):
                try:
                    content = files.read_bytes(contexts + suffix, limit=LIMIT)
                except GuestFileError as error:
                    log.info("not labelled: %s", error.message)
                    return None
                host_path.with_name(host_path.name + suffix).write_bytes(content)
        loaded = load_file_contexts(host_path)
    # A file that is no list of labels loads too, and has none for anything.
    return None if loaded is None or loaded.label("/etc", FileKind.DIRECTORY) is None else loaded.label


def makes_files(changes: Sequence[Change], files: GuestReader) -> bool:
    """Whether a plan makes a file that is not there, or anew: what is there keeps its label."""
    makers = (WriteFile, Upload, MakeDirectory, MakeLink, MakeSpecial)
    return any(
        isinstance(one, makers) and (getattr(one, "replace", False) or files.lstat(one.path) is None)
        for one in changes
    )


def needs_autorelabel(files: GuestReader) -> bool:
    """Whether new files of this guest must carry labels."""
    return find_selinux(files).labels_files
