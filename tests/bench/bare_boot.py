"""What `imgtools boot` is compared with: a bare QEMU, its serial console on standard output, ended at the login prompt.

python -m tests.bench.bare_boot IMAGE
"""

from __future__ import annotations

import os
import subprocess
import sys

PROMPT = b"login: "
# As somebody would start it by hand, without KVM, which is not sound on every host that measures.
WORDS = ["qemu-system-x86_64", "-accel", "tcg", "-m", "1024", "-smp", "2", "-nic", "none", "-display", "none"]
WORDS += ["-monitor", "none", "-serial", "stdio"]


def main() -> None:
    """Boot the image on a snapshot of QEMU's own, and end when a login is asked for."""
    drive = f"file.driver=file,file.filename={sys.argv[1]},format=qcow2,if=virtio,snapshot=on"
    process = subprocess.Popen([*WORDS, "-drive", drive], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = b""
    while PROMPT not in said[-200:]:
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            sys.exit("QEMU ended before a login was asked for")
        said += piece
    process.kill()
    process.wait()
    sys.stdout.write(f"login after {len(said)} bytes\n")


if __name__ == "__main__":
    main()
