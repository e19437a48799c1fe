"""Run the tests of guestfs-tools against our programs: ``python -m tests.peers.their_tests FOLDER [NAME...]``.

FOLDER is a checkout of guestfs-tools 1.48.2. Nothing in it is changed: what the tests need is copied, and their guests
are built there by their own scripts, with the real guestfish. In the path, links to imgtools stand before the programs.
"""

from __future__ import annotations

import lzma
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

LIMIT = 1800  # seconds of one test, or of one guest
SKIPPED = 77  # exit code, as automake has it
# Each folder with those of its tests that are about a program's behaviour: the others look at its manual page, call a
# program that there is no name of here (virt-tail), or want guests from the network.
TESTS = {
    "cat": ("test-virt-cat.sh", "test-virt-filesystems.sh", "test-virt-log.sh", "test-virt-ls.sh"),
    "df": ("test-virt-df.sh", "test-virt-df-guests.sh"),
    "sysprep": (
        "test-virt-sysprep-script.sh",
        "test-virt-sysprep-backup-files.sh",
        "test-virt-sysprep-passwords.sh",
        "test-virt-sysprep.sh",
    ),
    "edit": ("test-virt-edit.sh",),
    "customize": ("test-virt-customize.sh",),
    "make-fs": ("test-virt-make-fs.sh",),
    "sparsify": (
        "test-virt-sparsify.sh",
        "test-virt-sparsify-in-place.sh",
        "test-virt-sparsify-in-place-fstrim-unsupported.sh",
    ),
    "resize": ("rhbz1285847.sh", "test-virt-resize.pl"),
}
DATA = Path("test-data") / "phony-guests"
GUESTS = ("fedora", "debian", "ubuntu", "windows")
LIBRARY = "test-functions.sh"


def prepare(checkout: Path, work: Path) -> dict[str, str]:
    """Copy what the tests need, link our programs, and return the environment."""
    for name in (*TESTS, "test-data"):
        shutil.copytree(checkout / name, work / name, symlinks=True)
    shutil.copy(checkout / LIBRARY, work)
    (work / "config.sh").touch()
    links = work / "links"
    links.mkdir()
    script = Path(sys.executable).parent / "imgtools"
    subprocess.run([script, "virt", "--install", links], check=True, stdout=subprocess.DEVNULL)
    places = {"top_builddir": "..", "top_srcdir": "..", "srcdir": ".", "VG": ""}
    places |= {"abs_top_builddir": str(work), "abs_top_srcdir": str(work)}
    return {
        **os.environ,
        **places,
        "PATH": f"{links}:/usr/sbin:/usr/bin:/sbin:/bin",
        "LIBGUESTFS_BACKEND": "direct",
        "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg",
        "SRCDIR": ".",
        "LAYOUT": "partitions",
    }


def build_guests(work: Path, env: Mapping[str, str], names: Iterable[str]) -> None:
    """Build guests by the tests' own scripts; one that cannot be built is an empty file, as there."""
    folder = work / DATA
    with sqlite3.connect(folder / "fedora.db") as database:
        database.executescript(lzma.decompress((folder / "fedora-db.sql.xz").read_bytes()).decode())
    for hive in ("software", "system"):
        place = folder / f"windows-{hive}"
        shutil.copy(folder / "minimal-hive", place)
        prefix = f"HKEY_LOCAL_MACHINE\\{hive.upper()}"
        subprocess.run(["hivexregedit", "--merge", place, "--prefix", prefix, f"{place}.reg"], check=True)
    for name in names:
        script = next(folder.glob(f"make-{name}-img.*"))
        began = time.monotonic()
        done = subprocess.run([script], cwd=folder, env=env, capture_output=True, timeout=LIMIT)
        image = folder / f"{name}.img"
        if done.returncode or not image.exists():
            image.write_bytes(b"")
            sys.stdout.write(done.stderr.decode("utf-8", "replace")[-500:])
        print(f"built {name}, {time.monotonic() - began:.0f} s", flush=True)
    template = (folder / "guests.xml.in").read_text()
    for word in ("@abs_top_builddir@", "@abs_builddir@"):
        template = template.replace(word, str(work if "top" in word else folder))
    (folder / "guests.xml").write_text(template)


def run_test(work: Path, env: Mapping[str, str], folder: str, name: str) -> str:
    """Run one test; return ``passed``, ``skipped`` or ``failed``, and print the end of what it said if it failed."""
    place = work / folder
    began = time.monotonic()
    words = [f"{key}={env[key]}" for key in ("abs_top_builddir", "top_builddir", "top_srcdir", "srcdir")]
    words += [f"abs_srcdir={place}", f"abs_builddir={place}"]
    own = {
        **env,
        "TEST_FUNCTIONS": " ".join([f"source {work / LIBRARY}", *words]),
        "abs_srcdir": str(place),
        "abs_builddir": str(place),
    }
    runner = "perl" if name.endswith(".pl") else "bash"
    done = subprocess.run(
        [runner, f"./{name}"],
        cwd=place,
        env=own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
    )
    result = {0: "passed", SKIPPED: "skipped"}.get(done.returncode, "failed")
    print(f"{result} {folder}/{name}, {time.monotonic() - began:.0f} s", flush=True)
    if result != "passed":
        tail = done.stdout.decode("utf-8", "replace").splitlines()[-12:]
        print("\n".join(f"    {line}" for line in tail), flush=True)
    return result


def main(words: list[str]) -> int:
    """Run the tests that are named, or all; return 1 if one failed."""
    if not words or not (Path(words[0]) / LIBRARY).is_file():
        print("which folder has guestfs-tools 1.48.2? make peers PEERS=FOLDER", file=sys.stderr)
        return 2
    chosen = [
        (folder, name)
        for folder, names in TESTS.items()
        for name in names
        if not words[1:] or name in words[1:]
    ]
    with tempfile.TemporaryDirectory(prefix="peers-", ignore_cleanup_errors=True) as temporary:
        work = Path(temporary)
        env = prepare(Path(words[0]).resolve(), work)
        build_guests(work, env, os.environ.get("GUESTS", " ".join(GUESTS)).split())
        results = [run_test(work, env, folder, name) for folder, name in chosen]
    print(", ".join(f"{results.count(one)} {one}" for one in ("passed", "failed", "skipped")))
    return int("failed" in results)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
