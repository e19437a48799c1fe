"""What `imgtools verify` is compared with: `python -m tests.bench.verifying debsums IMAGE`, or `hash FOLDER`.

`unpack FOLDER` puts the files of the real Debian there, on a filesystem that this host has mounted.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from fixtures import real


def debsums(image: Path) -> None:
    """Mount the guest with guestmount, and let debsums look at it."""
    with tempfile.TemporaryDirectory(prefix="imgtools-bench-mount-") as folder:
        subprocess.run(["guestmount", "-a", image, "-i", "--ro", folder], check=True)
        try:
            subprocess.run(["debsums", f"--root={folder}", "--all", "--silent"], check=True)
        finally:
            subprocess.run(["guestunmount", folder], check=True)
    print("nothing differs")


def unpack(folder: Path) -> None:
    """Unpack the real Debian, if that is not done."""
    if not folder.exists():
        folder.mkdir()
        subprocess.run(["tar", "-C", folder, "-xf", real.root_archive()], check=True)


def hash_files(folder: Path) -> None:
    """Read and hash every file of which dpkg has a checksum."""
    files = 0
    for sums in sorted((folder / "var/lib/dpkg/info").glob("*.md5sums")):
        for line in sums.read_text(errors="surrogateescape").splitlines():
            digest, _, path = line.partition("  ")
            with (folder / path).open("rb") as stream:
                same = hashlib.file_digest(stream, "md5").hexdigest() == digest
            files += same
    print(f"{files} files are as they should be")


if __name__ == "__main__":
    {"debsums": debsums, "hash": hash_files, "unpack": unpack}[sys.argv[1]](Path(sys.argv[2]))
