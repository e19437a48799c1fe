"""Whether the files that a boot needs carry the SELinux labels that the guest's own policy gives them."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.find.release import parse_assignments, read_small
from imgtools.guest.labels import AUTORELABEL, new_file_labeller
from imgtools.guest.selinux import CONFIG
from imgtools.records.files import FileKind

ATTRIBUTE = "security.selinux"
# What a boot reads, or executes, before anybody can log in; links are looked at where they lead.
ESSENTIAL = (
    "/",
    "/etc",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/fstab",
    "/etc/group",
    "/usr",
    "/usr/bin",
    "/usr/bin/bash",
    "/usr/lib",
    "/usr/lib64",
    "/usr/sbin",
    "/usr/lib/systemd/systemd",
    "/usr/sbin/sshd",
    "/usr/bin/login",
    "/var",
    "/var/log",
    "/home",
    "/root",
)
# Labels of files that no policy has given one.
NONE_GIVEN = ("unlabeled_t", "file_t", "default_t")
MODES = ("enforcing", "permissive", "disabled")


@dataclass(frozen=True, slots=True)
class WrongLabel:
    """A file, the type that it has ("": no label at all) and the one that the policy gives it."""

    path: str
    has: str
    wanted: str

    @property
    def is_unlabelled(self) -> bool:
        """Whether it counts as one without a label."""
        return self.has in ("", *NONE_GIVEN)


def wrong_labels(files: GuestReader) -> tuple[WrongLabel, ...] | None:
    """Return the essential files that are labelled wrongly; None if nobody can tell what they should have."""
    label = new_file_labeller(files)
    if label is None:
        return None
    found: list[WrongLabel] = []
    for path in ESSENTIAL:
        if not files.exists(path):
            continue
        true_path = files.resolve(path)
        stat = files.lstat(true_path)
        if stat is None or stat.kind not in (FileKind.FILE, FileKind.DIRECTORY):
            continue
        wanted, has = _type(label(true_path, stat.kind) or b""), _type(_attribute(files, true_path))
        if wanted and has != wanted and not any(one.path == true_path for one in found):
            found.append(WrongLabel(true_path, has, wanted))
    return tuple(found)


def _attribute(files: GuestReader, path: str) -> bytes:
    try:
        return files.xattrs(path).get(ATTRIBUTE, b"")
    except DAMAGE:
        return b""


def _type(label: bytes) -> str:
    """The third of ``user:role:type:level``: the part that rules are about."""
    parts = label.rstrip(b"\0").decode("utf-8", "replace").split(":")
    return parts[2] if len(parts) > 2 else ""


def will_relabel(files: GuestReader) -> bool:
    """Whether the guest labels itself at its next boot."""
    return files.exists(AUTORELABEL)


def config_values(files: GuestReader) -> tuple[str, str]:
    """Return SELINUX= and SELINUXTYPE= as they are written; "" for what is not."""
    values = parse_assignments(read_small(files, CONFIG))
    return values.get("SELINUX", "").strip(), values.get("SELINUXTYPE", "").strip()


def is_off_by_kernel(files: GuestReader) -> bool:
    """Whether the kernel's arguments, where all entries have the same, switch SELinux off or make it permissive."""
    text = "\n".join(
        read_small(files, path)
        for pattern in (
            "/boot/loader/entries/*.conf",
            "/boot/grub2/grubenv",
            "/boot/grub2/grub.cfg",
            "/etc/default/grub",
        )
        for path in files.glob(pattern)
        if files.is_file(path)
    )
    words = text.replace('"', " ").split()
    return "selinux=0" in words or "enforcing=0" in words
