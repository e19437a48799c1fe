"""Scripts that do the same in 200 commands, one for `imgtools shell` and one for guestfish."""

from __future__ import annotations

import sys
from pathlib import Path

FILES = 50  # each is written, read, given a mode, and listed


def main() -> int:
    folder = Path(sys.argv[1])
    ours = ["mkdir /srv/bench"]
    theirs = ["mkdir-p /srv/bench"]
    for number in range(FILES):
        path = f"/srv/bench/{number}"
        ours += [f"write {path} --content text", f"cat {path}", f"chmod 0600 {path}", f"ls -l {path}"]
        theirs += [f'write {path} "text\\n"', f"cat {path}", f"chmod 0600 {path}", f"ll {path}"]
    ours[-1] = "commit"
    (folder / "session.imgtools").write_text("".join(f"{line}\n" for line in ours))
    (folder / "session.fish").write_text("".join(f"{line}\n" for line in theirs[:-1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
