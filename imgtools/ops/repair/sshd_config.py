"""Mend the configuration of the SSH server, which does not start with one bad line.

A line that it does not understand is commented out with the reason; of a Match block that nobody can match the whole
block is. A configuration that is missing, or is no text, becomes the distribution's own where it left one, else a short
one; what was there is kept beside it (``sshd_config.imgtools``).

Source: sshd_config(5), servconf.c of OpenSSH.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imgtools.change.change import Change, Move, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import CONFIG, CONFIGS, LIMIT
from imgtools.guest.guest import Guest
from imgtools.guest.health.sshd_lines import SshdFault, server_of, sshd_faults
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import commented, free_name
from imgtools.ops.operation import LINUX, NoParams, Operation

VENDOR = CONFIGS[-1]
DISTRIBUTION = ("/usr/share/openssh/sshd_config", VENDOR)
SFTP = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the mended files."""
    files = guest.files
    if not _is_text(files):
        yield from _anew(files)
        return
    faults = sshd_faults(files)
    for path in dict.fromkeys(fault.path for fault in faults):
        text = files.read_text(path, limit=LIMIT)
        lines = _mended(text.split("\n"), [one for one in faults if one.path == path])
        yield from rewrite(files, path, "\n".join(lines))


def _is_text(files: GuestReader) -> bool:
    if not files.is_file(CONFIG):
        return files.lstat(CONFIG) is None and files.is_file(VENDOR)
    if files.stat(CONFIG).size > LIMIT:
        return False
    content = files.read_bytes(CONFIG, limit=LIMIT)
    return b"\0" not in content


def _anew(files: GuestReader) -> Iterator[Change]:
    if files.lstat(CONFIG) is not None:
        yield Move(CONFIG, free_name(files, f"{CONFIG}.imgtools"))
    source = next((path for path in DISTRIBUTION if files.is_file(path)), "")
    content = files.read_bytes(source, limit=LIMIT) if source else _short(files)
    what = f"as {source}" if source else "a short one"
    yield WriteFile(CONFIG, content, 0o644, 0, 0, what=what)


def _short(files: GuestReader) -> bytes:
    sftp = next((path for path in SFTP if files.is_file(path)), "")
    lines = ["Include /etc/ssh/sshd_config.d/*.conf"] if files.is_dir("/etc/ssh/sshd_config.d") else []
    lines += ["UsePAM yes"] if files.is_file("/etc/pam.d/sshd") else []
    lines += [f"Subsystem sftp {sftp}"] if sftp else []
    return "".join(f"{line}\n" for line in lines or ["# all as it is by default"]).encode()


def _mended(lines: list[str], faults: Sequence[SshdFault]) -> list[str]:
    for fault in faults:
        lines[fault.line - 1] = commented(lines[fault.line - 1], fault.text)
        for number in range(fault.line, len(lines)) if fault.is_match else ():
            if re.match(r"\s*match\b", lines[number], re.IGNORECASE):
                break
            if lines[number].strip() and not lines[number].lstrip().startswith("#"):
                lines[number] = f"# {lines[number]}"
    return lines


def lacking(guest: Guest) -> str:
    """Say that there is no SSH server of OpenSSH."""
    return "" if server_of(guest.files) else "no SSH server (sshd)"


OPERATION = Operation(
    summary="Comment out lines that the SSH server does not understand",
    families=LINUX,
    plan=plan,
    lacking=lacking,
    notes="What a line says is looked at for the keywords that are wrong most often; `sshd -t` in the guest knows all.",
)
