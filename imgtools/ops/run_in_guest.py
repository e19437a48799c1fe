"""Programs run in the guest's own tree: whether that can work, and what they are called in the plan."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change, RunInGuest, WriteFile
from imgtools.errors import HostError, UnsupportedGuest
from imgtools.guest.guest import Guest

LIMIT = 16 << 20  # bytes of a script
# The appliance is a Linux of the host's architecture; these run on another's.
ALSO_RUN = {"x86_64": ("i386", "i486", "i586", "i686"), "aarch64": ("arm", "armhf", "armv7l")}


def run_in_guest(guest: Guest, script: str, *, network: bool, what: str = "") -> RunInGuest:
    """Return the run of shell text.

    :raises UnsupportedGuest: the guest has no shell, or is of an architecture that the host cannot run.
    """
    require_shell(guest, hint="--firstboot runs them when the guest boots")
    return RunInGuest(script, network, what or script.strip().partition("\n")[0])


def require_shell(guest: Guest, *, hint: str = "") -> None:
    """Make sure that programs of a guest can run in its tree.

    :raises UnsupportedGuest: it has no shell, or is of an architecture that the host cannot run.
    """
    if not guest.files.exists("/bin/sh"):
        raise UnsupportedGuest("the guest has no /bin/sh to run commands with")
    host, own = platform.machine(), guest.os.arch
    if own not in ("", "unknown", host, *ALSO_RUN.get(host, ())):
        raise UnsupportedGuest(
            f"programs of the guest are for {own}, and the host is {host}",
            hint=hint,
        )


def run_script(guest: Guest, host_path: Path, *, network: bool) -> Iterator[Change]:
    """Yield the run of a script of the host: put there, run, and removed again.

    :raises HostError: it cannot be read.
    :raises UnsupportedGuest: the guest cannot run it.
    """
    content = read_script(host_path)
    folder = "/tmp" if guest.files.is_dir("/tmp") else ""
    path = f"{folder}/imgtools-run-{hashlib.sha256(content).hexdigest()[:16]}"
    start = path if content.startswith(b"#!") else f"/bin/sh {path}"
    yield WriteFile(path, content, 0o700)
    yield run_in_guest(
        guest, f"{start}\ncode=$?\nrm -f {path}\nexit $code\n", network=network, what=str(host_path)
    )


def read_script(host_path: Path) -> bytes:
    """Return a script of the host.

    :raises HostError: it cannot be read, is empty, or too large.
    """
    try:
        with host_path.open("rb") as stream:
            content = stream.read(LIMIT + 1)
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
    if not content or len(content) > LIMIT:
        what = f"larger than {LIMIT} bytes" if content else "empty"
        raise HostError(f"the script {host_path} is {what}")
    return content
