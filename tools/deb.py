"""Make the Debian package of a release in a root of it, or try it in a clean one: `make deb`, `make deb-check`.

The package is left in dist/SUITE. It is tried as a user has it: installed by apt with what it recommends, its own tests
(debian/tests), the demo with the installed commands, and removed: nothing of it may be left.
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
apt-get -qq update && apt-get -qq -y install /srv/built/imgtools_*.deb man-db bsdextrautils >/dev/null
imgtools --version
for test in debian/tests/a-disk debian/tests/this-host; do echo "# $test"; $test; done
tools/setup.sh .venv demo
IMGTOOLS_PROGRAM=/usr/bin/imgtools .venv/bin/python -m tools.demo
apt-get -qq -y install /srv/built/imgtools-fleet_*.deb >/dev/null
cd /tmp && imgtools make one.qcow2 --type ext4 --size 64M && imgtools fleet run info -- one.qcow2
imgtools fleet query "SELECT format FROM latest_disks"
apt-get -qq -y purge imgtools imgtools-fleet >/dev/null
for left in /usr/lib/imgtools /usr/bin/imgtools /usr/share/man/man1/imgtools.1.gz; do
    if [ -e $left ]; then echo "left behind: $left"; exit 1; fi
done
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
    with held_root(suite, mirror) as root:
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
