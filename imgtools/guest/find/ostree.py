"""Guests that OSTree deploys (Fedora CoreOS, Silverblue, bootc): the root is a folder of the root filesystem.

Layout: https://ostreedev.github.io/ostree/deployment/. The physical root has /ostree/deploy/OS/deploy/CHECKSUM.N,
which the initial RAM disk mounts at ``/``; the whole filesystem is at /sysroot, and /var is shared by all
deployments of one OS.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader
from imgtools.records.disks import Mount, Volume
from imgtools.records.files import FileKind

MAX_DEPLOYMENTS = 100
DEPLOYMENT = r"/ostree/deploy/[^/]+/deploy/[0-9a-f]{64}\.\d+"


class Deployment(NamedTuple):
    """One bootable tree: its folder in the physical root, and the /var that it shares."""

    folder: str
    var: str


def find_deployment(files: GuestReader) -> Deployment | None:
    """Return the deployment that boots by default, None if this is no OSTree root.

    The boot menu says which, if it is on this filesystem; else it is the one deployed last.
    """
    if not files.is_dir("/ostree/deploy"):
        return None
    folder = _from_menu(files) or _newest(files)
    if not folder:
        return None
    return Deployment(folder, folder.rpartition("/deploy/")[0] + "/var")


def _from_menu(files: GuestReader) -> str:
    """Follow ``ostree=/ostree/boot.1/fedora/CHECKSUM/0`` of the first boot entry."""
    from imgtools.guest.boot.bootmenu import loader_entries  # late: few guests are OSTree's

    for entry in loader_entries(files):
        match = re.search(r"\bostree=(/ostree/\S+)", entry.cmdline)
        if match:
            try:
                path = files.resolve(match[1])
            except GuestFileError:
                continue
            if re.fullmatch(DEPLOYMENT, path):
                return path
    return ""


def _newest(files: GuestReader) -> str:
    found: list[tuple[int, str]] = []
    for path in files.glob("/ostree/deploy/*/deploy/*"):
        if re.fullmatch(DEPLOYMENT, path) and len(found) < MAX_DEPLOYMENTS:
            entry = files.lstat(path)
            origin = files.lstat(f"{path}.origin") or entry
            if entry is not None and origin is not None and entry.kind is FileKind.DIRECTORY:
                found.append((origin.mtime, path))
    return max(found)[1] if found else ""


def deployment_mounts(files: GuestReader, volume: Volume, deployment: Deployment) -> tuple[Mount, ...]:
    """Return the mounts that make a deployment the root; fstab may mount others over /var and /boot."""
    mounts = [Mount("/", volume, inner=deployment.folder), Mount("/sysroot", volume)]
    if files.is_dir(deployment.var):
        mounts.append(Mount("/var", volume, inner=deployment.var))
    if files.is_dir("/boot/loader") or files.is_dir("/boot/ostree"):
        mounts.append(Mount("/boot", volume, inner="/boot"))
    return tuple(mounts)
