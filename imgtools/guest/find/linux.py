"""Recognise a Linux guest, and say which one it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imgtools.errors import BadImage, EngineFailed, OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.find.architecture import find_architecture
from imgtools.guest.find.fstab import read_fstab
from imgtools.guest.find.layout import LinuxMounts, find_mounts, paired_root
from imgtools.guest.find.osinfo import osinfo_id
from imgtools.guest.find.recognised import Recognised
from imgtools.guest.find.release import Release, first_line, parse_assignments, read_release, read_small
from imgtools.guest.find.split_usr import is_read_only, lacks_usr, usr_volumes
from imgtools.guest.packages.database import find_package_format, find_package_manager
from imgtools.records.disks import Layout, Mount, Volume
from imgtools.records.files import FileKind
from imgtools.records.system import OsInfo, OsType, Warned

# Any one of these makes a directory tree with /etc and /bin a Linux system. The third is often a link into a
# /usr that is another volume: it counts without being followed.
MARKS = ("/etc/fstab", "/etc/hosts", "/etc/os-release", "/usr/lib/os-release")

MountAll = Callable[[Sequence[Mount]], GuestReader]


def recognise_linux(
    files: GuestReader, volume: Volume, layout: Layout, mount_all: MountAll
) -> Recognised | None:
    """Return the Linux whose root is ``volume``, or None.

    :param files: the files of the volume alone.
    :param mount_all: makes one tree of several mounts; used when /usr is a volume of its own.
    """
    if is_linux_root(files):
        base, warnings = _usr_of(files, volume, layout, mount_all)
        tree = mount_all(base) if base else files
        found = find_mounts(tree, volume, layout, base)
        return _told(_recognised(found, tree, mount_all, layout), tree, warnings)
    if base := _ostree_mounts(files, volume):
        tree = mount_all(base[:1])
        return _recognised(find_mounts(tree, volume, layout, base), tree, mount_all, layout)
    if files.is_file("/lib/os-release") and (root := paired_root(volume, layout)) is not None:
        mounts = (Mount("/", root), Mount("/usr", volume))
        found = find_mounts(mount_all(mounts[:1]), root, layout, mounts)
        return _recognised(found, files, mount_all, layout)
    return None


def _ostree_mounts(files: GuestReader, volume: Volume) -> tuple[Mount, ...]:
    """Return the mounts of the deployment that boots, where the volume is the physical root of an OSTree's system."""
    if not files.is_dir("/ostree/deploy"):
        return ()
    from imgtools.guest.find.ostree import deployment_mounts, find_deployment

    deployment = find_deployment(files)
    return () if deployment is None else deployment_mounts(files, volume, deployment)


def _usr_of(
    files: GuestReader, root: Volume, layout: Layout, mount_all: MountAll
) -> tuple[tuple[Mount, ...], tuple[Warned, ...]]:
    """Return root and /usr, where a system leads into a /usr that is a volume of its own, or why it is not there."""
    if not lacks_usr(files) or any(entry.path == "/usr" for entry in read_fstab(files).entries):
        return (), ()
    reasons = []
    for volume in usr_volumes(root, layout):
        base = (Mount("/", root), Mount("/usr", volume))
        try:
            tree = mount_all(base)
        except (EngineFailed, OddGuest, BadImage) as error:
            reasons.append(f"{volume.device} cannot be read: {error.message}")
            continue
        if tree.is_dir("/usr/bin") or tree.is_dir("/usr/lib"):
            return base, ()
        reasons.append(f"{volume.device} holds none")
    why = "; ".join(reasons) or "no volume of this image is it"
    return (), (Warned(f"the system keeps /usr on a volume of its own, and {why}", "/usr"),)


def _told(found: Recognised, files: GuestReader, warnings: tuple[Warned, ...]) -> Recognised:
    """Say what is missing before anything else: without it, what a system is may not be known at all."""
    release = files.lstat("/etc/os-release")
    if (
        not warnings
        and found.os.distro == "unknown"
        and release is not None
        and release.kind is FileKind.LINK
    ):
        warnings = (
            Warned("leads to what is not there: which system this is, is not known", "/etc/os-release"),
        )
    if not warnings:
        return found
    lost = tuple(one.path for one in warnings if one.path == "/usr")
    return found._replace(
        warnings=(*warnings, *found.warnings),
        unresolved=(*found.unresolved, *lost),
        unmounted=(*found.unmounted, *lost),
    )


def _recognised(found: LinuxMounts, files: GuestReader, mount_all: MountAll, layout: Layout) -> Recognised:
    system = [mount for mount in found.mounts if mount.path in ("/", "/usr")]
    usr = [mount.path for mount in system if mount.path == "/usr" and is_read_only(mount.volume, layout)]
    return Recognised(
        identify(mount_all(system) if len(system) > 1 else files),
        found.mounts,
        warnings=found.warnings,
        unresolved=found.unresolved,
        unmounted=found.unmounted,
        read_only=tuple(usr),
        names_itself=found.names_itself,
    )


def is_linux_root(files: GuestReader) -> bool:
    """Whether a tree is a Linux system: /etc, /bin (merged into /usr or not) and one of :data:`MARKS`."""
    etc = files.lstat("/etc")
    binaries = files.lstat("/bin")
    if etc is None or etc.kind is not FileKind.DIRECTORY:
        return False
    if binaries is None or binaries.kind not in (FileKind.DIRECTORY, FileKind.LINK):
        return False
    return any(files.lstat(mark) is not None for mark in MARKS)


def identify(files: GuestReader) -> OsInfo:
    """Return what the release files, the programs and the package database say."""
    release = read_release(files)
    package_format = find_package_format(files, release)
    return OsInfo(
        type=OsType.LINUX,
        distro=release.distro,
        families=families_of(release, package_format),
        product_name=release.product_name,
        product_variant=release.variant,
        major=release.version[0],
        minor=release.version[1],
        arch=find_architecture(files),
        hostname=find_hostname(files),
        package_format=package_format,
        package_management=find_package_manager(files, release, package_format),
        build_id=release.build_id,
        osinfo=osinfo_id(release),
    )


def families_of(release: Release, package_format: str) -> tuple[str, ...]:
    """Return what the guest is like; one that does not say (openEuler, Photon) is like those who use its packages."""
    families = release.families
    if package_format == "deb" and "debian" not in families:
        return (*families, "debian")
    red_hat_like = {"fedora", "rhel", "suse", "mageia", "mandriva", "altlinux"}
    if package_format == "rpm" and not red_hat_like.intersection(families):
        return (*families, "fedora")
    return families


def find_hostname(files: GuestReader) -> str:
    """Return the host name from where distributions keep it; "" if none says."""
    for path in ("/etc/hostname", "/etc/HOSTNAME"):
        for line in read_small(files, path).split("\n"):
            if line.strip() and not line.lstrip().startswith("#"):
                return line.strip()[:255]
    for path, key in (
        ("/etc/sysconfig/network", "HOSTNAME"),
        ("/etc/conf.d/hostname", "hostname"),
        ("/etc/rc.conf", "HOSTNAME"),
    ):
        if name := parse_assignments(read_small(files, path)).get(key):
            return first_line(name)[:255]
    return ""
