"""SELinux in a guest: whether it labels files, in which mode it runs, and where the labels come from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import parse_assignments, read_small

CONFIG = "/etc/selinux/config"


@dataclass(frozen=True, slots=True)
class Selinux:
    """``mode`` is ``enforcing``, ``permissive``, ``disabled``, or "" where SELinux is not configured at all.

    ``label_files`` are the file_contexts in the order in which setfiles reads them; empty without a policy.
    """

    mode: str = ""
    policy: str = ""  # targeted, mls, default ...
    has_policy: bool = False
    label_files: tuple[str, ...] = ()

    @property
    def labels_files(self) -> bool:
        """Whether files must carry labels: a disabled system may be enabled later, but then relabels itself."""
        return self.has_policy and self.mode in ("enforcing", "permissive")


def find_selinux(files: GuestReader) -> Selinux:
    """Read /etc/selinux/config and look for the policy it names."""
    values = parse_assignments(read_small(files, CONFIG))
    mode = values.get("SELINUX", "").strip().lower()
    policy = values.get("SELINUXTYPE", "").strip()
    if not mode:
        return Selinux()
    if not re.fullmatch(r"[\w.-]{1,64}", policy) or policy in (".", ".."):
        return Selinux(mode)
    folder = f"/etc/selinux/{policy}"
    compiled = any(True for _path in files.glob(f"{folder}/policy/policy.*"))
    contexts = f"{folder}/contexts/files/file_contexts"
    labels = tuple(
        path
        for path in (contexts, f"{contexts}.homedirs", f"{contexts}.local", f"{contexts}.subs")
        if files.is_file(path)
    )
    return Selinux(mode, policy, compiled or bool(labels), labels)
