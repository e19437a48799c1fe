"""Make the Debian package of a release in a root of it, or try it in a clean one: `make deb`, `make deb-check`.

The package is left in dist/SUITE. It is tried as a user has it: installed by apt with what it recommends, its own tests
(debian/tests, the demo among them) run by autopkgtest, and removed: nothing of it may be left.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from tools.test_on import CHECKOUT, SOURCE, folder_of, held_root, remove_tree, run_in

BUILD = """
apt-get -qq update && apt-get -qq -y install --no-install-recommends build-essential debhelper lintian {needs}
rm -rf /srv/built && mkdir /srv/built && cp -r . /srv/built/imgtools && cd /srv/built/imgtools
dpkg-buildpackage -us -uc -b
lintian --allow-root --fail-on error,warning --suppress-tags {suppressed} ../imgtools_*.changes
"""
# Who publishes the package has an address.
SUPPRESSED = "bogus-mail-host,bogus-mail-host-in-debian-changelog"
NEEDS = "go-md2man python3 python3-venv libpython3-dev"
TRY = """
apt-get -qq update && apt-get -qq -y install /srv/built/imgtools_*.deb >/dev/null
imgtools --version
imgtools doctor
apt-get -qq -y install --no-install-recommends autopkgtest >/dev/null
autopkgtest --no-built-binaries /srv/built/*.deb ./ -- null
dpkg -L imgtools imgtools-fleet | grep -vxF /. | sort -u >/tmp/files
apt-get -qq -y purge imgtools imgtools-fleet >/dev/null
left=$(while read -r file; do
    if [ -e "$file" ] && ! dpkg -S "$file" >/dev/null 2>&1; then echo "$file"; fi
done </tmp/files)
if [ -n "$left" ] || [ -e /usr/lib/imgtools ]; then echo "left behind: $left"; find /usr/lib/imgtools | head; exit 1; fi
echo "# The package of $(. /etc/os-release; echo $VERSION_CODENAME) installs, works and goes."
"""


def main(words: list[str] | None = None) -> int:
    """Build or try."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.deb", description=__doc__)
    parser.add_argument("what", choices=["build", "try"])
    parser.add_argument("suite", help="a release of Debian, such as trixie")
    parser.add_argument("--mirror", default="", help="where mmdebstrap gets packages (its own default)")
    asked = parser.parse_args(words)
    built = SOURCE / "dist" / asked.suite
    if asked.what == "build":
        return _build(asked.suite, asked.mirror, built)
    return _try(asked.suite, asked.mirror, built)


def _build(suite: str, mirror: str, built: Path) -> int:
    # Not the root of `make test-on`, which may be in use for hours.
    with held_root(f"{suite}-build", mirror, suite=suite) as root:
        code = run_in(root, f"set -e\n{BUILD.format(needs=NEEDS, suppressed=SUPPRESSED)}")
        if code:
            return code
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir(parents=True)
        for file in sorted((root / "srv/built").glob("imgtools*_*")):
            shutil.copy(file, built)
            sys.stdout.write(f"{os.path.relpath(built / file.name, SOURCE)}\n")
    return 0


def _try(suite: str, mirror: str, built: Path) -> int:
    if not list(built.glob("imgtools_*.deb")):
        sys.stderr.write(f"error: no package in {built}: make deb SUITE={suite}\n")
        return 1
    clean = f"{suite}-clean"
    remove_tree(folder_of(clean))
    with held_root(clean, mirror, suite=suite) as root:
        (root / "srv/built").mkdir()
        for file in built.glob("imgtools*.deb"):
            shutil.copy(file, root / "srv/built")
        assert (root / CHECKOUT).is_dir()
        return run_in(root, f"set -e\n{TRY}")


if __name__ == "__main__":
    sys.exit(main())
