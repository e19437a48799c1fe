"""OpenSCAP's scanner, on a guest's files in a folder.

``OSCAP_PROBE_ROOT`` names the folder (oscap(8)). Content that holds scripts gets no further than the fence lets it.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.process import Fence, Kind, run
from imgtools.engine.rpm import librpm_macros
from imgtools.errors import BadImage, EngineFailed

# Where oscap makes folders for itself, whatever TMPDIR says (oscap_acquire.c of 1.3.7).
SCRATCH = Path("/tmp")
FAILED = 2  # oscap's exit code where a rule failed; 1 is an error
# Debian's names of architectures, by those of the kernel (dpkg, cputable).
ARCHITECTURES = {
    "x86_64": "amd64",
    "i386": "i386",
    "i486": "i386",
    "i586": "i386",
    "i686": "i386",
    "aarch64": "arm64",
    "arm": "armhf",
    "ppc64le": "ppc64el",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
# What oscap answers packages with is libapt-pkg, and that asks the host: how it is set up, which architecture it is of,
# and a cache of the guest's that may be old. So it gets a configuration that leaves only the guest's dpkg database.
APT = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "/dev/null";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""
RPM = frozenset({"rpminfo"})
# What stands in oscap's log where packages could not be read, and the kinds of OVAL that then say "not installed".
BROKEN = {"dpkginfo_init has failed": {"dpkginfo"}, "RPM:": RPM, "cannot open Packages": RPM}


class ScanFiles(NamedTuple):
    """Where a scan leaves what it has found: in one private folder."""

    folder: Path

    @property
    def results(self) -> Path:
        """The results (XCCDF)."""
        return self.folder / "results.xml"

    @property
    def asset_report(self) -> Path:
        """The results with the content they are of (ARF)."""
        return self.folder / "arf.xml"

    @property
    def report(self) -> Path:
        """The report for people (HTML)."""
        return self.folder / "report.html"


def scan(
    content: Path,
    profile: str,
    benchmark: str,
    guest: Path,
    files: ScanFiles,
    *,
    machine: str,
    rpm: tuple[Path, str] | None = None,
    reports: bool = False,
) -> frozenset[str]:
    """Evaluate a profile on the files of a guest; return the kinds of OVAL that could not work.

    :param guest: the folder that shows its files; no link in it leads out.
    :param machine: its architecture, as its kernel calls it.
    :param rpm: a copy of its rpm database: the folder and the file's name. None if it has none.
    :param reports: also make the ARF document and the report.
    :raises ToolMissing: oscap is not installed.
    :raises EngineFailed: it cannot evaluate the content, or crashes on it or on the guest.
    """
    architecture = ARCHITECTURES.get(machine, "")
    apt, log = files.folder / "apt.conf", files.folder / "log"
    apt.write_text(APT.format(architecture=architecture))
    broken: set[str] = set() if architecture else {"dpkginfo"}
    if rpm is None:
        broken |= RPM
    else:
        # librpm reads it from the home, before oscap would go into the guest's root; so its own copy is what it finds.
        (files.folder / ".rpmmacros").write_text(librpm_macros(*rpm))
    words = ["--results", str(files.results)]
    if reports:
        words += ["--results-arf", str(files.asset_report), "--report", str(files.report)]
    chosen = ["--profile", profile, "--benchmark-id", benchmark]
    speaking = ["--verbose", "ERROR", "--verbose-log-file", str(log)]
    fence = Fence(Kind.SCANNER, (content, guest), (files.folder, SCRATCH))
    own = {"OSCAP_PROBE_ROOT": str(guest), "APT_CONFIG": str(apt), "HOME": str(files.folder)}
    argv = ["oscap", *speaking, "xccdf", "eval", *chosen, *words, str(content)]
    try:
        run(argv, fence, ok=(0, FAILED), env=own, cwd=str(files.folder), dies_by=signal.SIGKILL)
    except BadImage as error:  # content that is not as the schemas want it does that too
        raise EngineFailed(
            error.message, hint=f"is the content sound? oscap ds sds-validate {content}"
        ) from None
    return frozenset(_broken(log)) | broken


def _broken(log: Path) -> Iterator[str]:
    if not log.exists():
        return
    with log.open(encoding="utf-8", errors="replace") as stream:
        while line := stream.readline(4096):
            for words, kinds in BROKEN.items():
                if words in line:
                    yield from kinds
