"""Files that the guest makes anew from another source: what is written into them is lost, or damages the source."""

from __future__ import annotations

from collections.abc import Sequence

from imgtools.change.change import Move, PlainChange, Relabel, RunInGuest
from imgtools.change.contradictions import FILE_CHANGES, true_path
from imgtools.errors import GuestFileError, UnsupportedGuest
from imgtools.files.paths import normalise
from imgtools.files.tree import GuestReader
from imgtools.records.disks import Mount

# The stores of Nix and Guix: what is in them is named by what it was made of, shared, and never changed. /etc of
# such a system are links into the store, which are made anew at every start (nixos/modules/system/etc/setup-etc.pl).
STORES = ("/nix/store/", "/gnu/store/")


# What a deployment of OSTree keeps of a guest's own; all else of it is shared with the repository, whose files would
# be damaged, and goes with the next upgrade (https://ostreedev.github.io/ostree/deployment/).
KEPT = ("/etc/", "/var/")


def refuse_deployed(changes: Sequence[PlainChange], files: GuestReader, mounts: Sequence[Mount]) -> None:
    """Refuse a plan that would change a deployment of OSTree elsewhere than in its /etc and /var.

    :raises UnsupportedGuest: a path of it is there, or a program is to be run: it would see the volume's own root.
    """
    inner = {normalise(mount.path): mount.inner for mount in mounts}
    if not inner.get("/"):
        return
    for change in changes:
        if isinstance(change, FILE_CHANGES):
            paths = [true_path(change, files), *([normalise(change.to)] if isinstance(change, Move) else [])]
            path = next((one for one in paths if not one.startswith(KEPT)), "")
            if path:
                raise UnsupportedGuest(
                    f"{path} belongs to the deployment {inner['/']} (OSTree), which is never changed",
                    hint="such guests keep their own in /etc and /var",
                )
        elif isinstance(change, (RunInGuest, Relabel)):
            raise UnsupportedGuest(f"no program is run in a deployment of OSTree: {inner['/']}")


def refuse_generated(changes: Sequence[PlainChange], files: GuestReader) -> None:
    """Refuse a plan that would change what is made from the guest's configuration.

    :raises UnsupportedGuest: a path of it leads into a store.
    """
    for change in changes:
        if not isinstance(change, FILE_CHANGES):
            continue
        try:
            place = files.resolve(change.path)
        except GuestFileError:
            continue
        if place.startswith(STORES):
            by = "" if place == change.path else f": it is {place}"
            raise UnsupportedGuest(
                f"{change.path} is made from the guest's configuration{by}",
                hint="change the configuration and build the system again; --no-check writes it all the same",
            )
