"""Run the demo and the tests on another release of Debian, in a root of its own: `make test-on SUITE=trixie`.

The root is made once by mmdebstrap and kept in the cache, with what `make` has installed and built in it: a second run
is quick. It gets a copy of this checkout, and there `make demo test` does what it does on any machine.

What is mounted in the root is mounted in a mount namespace of its own, which the kernel takes down with the last
process in it. So the mounts go however the run ends, and who removes the root never meets one.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgtools.engine.held_folder import mounts_below

SOURCE = Path(__file__).resolve().parent.parent
CHECKOUT = Path("srv", "imgtools")  # in the root; every user of it may read it
# What README tells people to have; `make` installs the rest, as it does for them.
FIRST_PACKAGES = ("ca-certificates", "git", "make")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# How this machine reaches Debian's mirror and the package index; the rest of the environment stays outside.
NETWORK = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_CERT", "PIP_DEFAULT_TIMEOUT")
APT = "Acquire::https?::Proxy|Acquire::Check-(?:Valid-Until|Date)|Acquire::Retries"
# $1 is the root, the rest is what runs in it. Nothing here is seen outside of the new namespace.
ENTER = f"""
set -e
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
for file in /etc/resolv.conf /etc/hosts {CERTIFICATES}; do
    if [ -e "$file" ] && [ -e "$root$file" ]; then mount --bind -o ro "$file" "$root$file"; fi
done
exec chroot "$root" /usr/bin/env -i "$@"
"""


def main(words: list[str] | None = None) -> int:
    """Run a command in the root of a release."""
    asked = _parser().parse_args(words)
    if os.geteuid() != 0:
        return _fail("a root of another Debian is made and entered by root: sudo make test-on")
    for program in ("mmdebstrap", "unshare", "git"):
        if not shutil.which(program):
            return _fail(f"{program} is not installed: see packages-dev.apt")
    with held_root(asked.suite, asked.mirror, fresh=asked.fresh) as root:
        return run_in(root, asked.command)


@contextmanager
def held_root(name: str, mirror: str = "", *, suite: str = "", fresh: bool = False) -> Iterator[Path]:
    """Make a root of a Debian if it is not there, with a copy of this checkout, and hold it while the block runs.

    :param suite: the release; empty: as the root is called.
    :param fresh: throw away what is kept of an earlier run.
    :raises SystemExit: another run has it, or it cannot be made.
    """
    root = folder_of(name)
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"error: {root} is in use by another run") from None
        os.set_inheritable(lock.fileno(), True)  # held until the last process in the root has ended
        if fresh:
            remove_tree(root)
        if not root.is_dir():
            _make(root, suite or name, mirror)
        _copy_checkout(root / CHECKOUT)
        yield root


def run_in(root: Path, command: str) -> int:
    """Run a shell command in the copy of the checkout in a root, and return its exit code."""
    return subprocess.run(_entering(root, command), check=False, close_fds=False).returncode


def folder_of(name: str) -> Path:
    """Where the root of that name is kept: beside the fixtures."""
    return Path.home() / ".cache" / "imgtools" / "roots" / name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m tools.test_on", description=__doc__)
    parser.add_argument("suite", help="a release of Debian, such as trixie")
    parser.add_argument("command", help="a shell command, run in the copy of this checkout")
    parser.add_argument("--fresh", action="store_true", help="throw away what is kept of an earlier run")
    parser.add_argument("--mirror", default="", help="where mmdebstrap gets packages (its own default)")
    return parser


def _make(root: Path, suite: str, mirror: str) -> None:
    """Make the root, complete or not at all.

    By way of an archive: mmdebstrap mounts things in the folder that it works in, and ours never was one.
    """
    archive, half = root.with_suffix(".tar"), root.with_suffix(".half")
    _say(f"Making a root of Debian {suite} in {root}")
    remove_tree(half)
    half.mkdir()
    words = ["mmdebstrap", "--quiet", "--variant=important", f"--include={','.join(FIRST_PACKAGES)}"]
    words += [f"--aptopt={line}" for line in _apt_settings()]
    _run([*_alone(), *words, suite, str(archive), *([mirror] if mirror else [])])
    _run(["tar", "-x", "-p", "--numeric-owner", "-f", str(archive), "-C", str(half)])
    archive.unlink()
    # No package starts a service in there.
    policy = half / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    half.rename(root)


def remove_tree(root: Path) -> None:
    """Remove a root, and nothing that is mounted in it: `rm` would go on into a mount of the same filesystem.

    :raises SystemExit: something is mounted there.
    """
    mounted = mounts_below(root.resolve())
    if mounted:
        raise SystemExit(f"error: {root} is not removed: mounted there is {', '.join(mounted)}")
    _run(["rm", "-rf", "--one-file-system", str(root)])


def _apt_settings() -> list[str]:
    """How apt on this machine reaches its mirror, and what it makes of the mirror's dates."""
    told = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return re.findall(rf"^(?:{APT}) \".+\";$", told, re.MULTILINE)


def _copy_checkout(place: Path) -> None:
    """Bring this checkout to a folder: its last commit, over it what is not committed. What was built there stays."""
    place.mkdir(exist_ok=True)
    git = ["git", "-C", str(place)]
    if not (place / ".git").exists():
        _run([*git, "init", "-q"])
    _run([*git, "fetch", "-q", "--depth=1", str(SOURCE), "HEAD"])
    _run([*git, "reset", "-q", "--hard", "FETCH_HEAD"])
    _run([*git, "clean", "-q", "-fd"])
    changed = _names("diff", "--name-only", "--no-renames", "HEAD")
    for name in changed | _names("ls-files", "--others", "--exclude-standard"):
        (place / name).unlink(missing_ok=True)
        if os.path.lexists(SOURCE / name):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, place / name, follow_symlinks=False)


def _names(*words: str) -> set[str]:
    """The files that git names."""
    asked = ["git", "-C", str(SOURCE), words[0], "-z", *words[1:]]
    return set(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split("\0")) - {""}


def _alone() -> list[str]:
    """What begins a command whose mounts and processes go when it is killed."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child"]


def _entering(root: Path, command: str) -> list[str]:
    """The command line that runs a shell command in the copy of the checkout."""
    settings = {name: os.environ[name] for name in NETWORK if name in os.environ}
    settings |= {"HOME": "/root", "LC_ALL": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb")}
    settings |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    inside = f"cd /{CHECKOUT} && umask 022 && {{ {command}\n}}"
    words = [f"{name}={value}" for name, value in settings.items()]
    return [*_alone(), "sh", "-c", ENTER, "sh", str(root), *words, "/bin/bash", "-c", inside]


def _run(words: list[str]) -> None:
    try:
        subprocess.run(words, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"error: {words[0]} failed with {error.returncode}") from None


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _fail(text: str) -> int:
    _say(f"error: {text}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
