"""A guest's files with links that stay inside, for programs that look at a folder and know nothing of guests.

The kernel of the host resolves an absolute link from the host's root: of a guest whose ``/etc/passwd`` is a link to
``/srv/passwd``, a program would read the host's file, and one with enough ``..`` leads out too.
"""

from __future__ import annotations

import posixpath

from imgtools.change.mounted_folder.draft import Draft
from imgtools.errors import ImgtoolsError
from imgtools.files.paths import join, parent_of


class InsideDraft(Draft):
    """The same files; every link that could lead out leads to where it does in the guest."""

    def read_link(self, path: str) -> str:
        """Return the target of a link, relative to its folder if it is absolute or goes up."""
        target = super().read_link(path)
        if not target.startswith("/") and ".." not in target.split("/"):
            return target
        folder = parent_of(path)
        try:
            there = self._files.resolve(path)
        except ImgtoolsError:  # it leads nowhere, or round and round: it does so inside too
            there = posixpath.normpath(target if target.startswith("/") else join(folder, target))
            there = "/" + there.lstrip("/")
        return posixpath.relpath(there, folder)
