"""A host whose disk fails: the image is as before, changed as asked, or recoverable, and the error says what failed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from imgtools.errors import UnfinishedEdit
from tests.support.command import imgtools
from tests.support.deeds import DEEDS, Deed
from tests.support.faults import CHANGING, READING, Faulted, run_with_fault
from tests.support.volumes import disk_to_change

pytestmark = pytest.mark.timeout(900)

# Which call of each kind fails; the numbers go on until nothing is hit.
NUMBERS = (1, 2, 3, 4, 6, 8, 11, 15, 25, 50)
# What must not fail, but may: the last of it is done by somebody else, or nothing is lost with it.
REASONS = ("Input/output error", "I/O error", "cannot read", "could not be read", "error while reading")


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk of 24 MB with one ext4 filesystem."""
    return disk_to_change(tmp_path_factory.mktemp("blank"))


class FaultyDeed(Deed):
    """A command whose calls fail."""

    def faults(self, call: str, *, reading: bool) -> Iterator[Faulted]:
        """Let each of the calls fail in turn."""
        for number in NUMBERS:
            words = self.reset()
            only = [path for path in self.folder.iterdir() if path.is_file()] if reading else []
            ran = run_with_fault(words, call, number, self._beside, only=only)
            if not ran.hits:
                return
            yield ran

    def require_kept(self, ran: Faulted) -> None:
        """The promise."""
        told = f"{ran.hits}: exit {ran.code}\n{ran.err}"
        assert "a bug" not in ran.err and "Traceback" not in ran.err, told
        marker = self.folder / f"{self.image.name}.imgtools-unfinished"
        if ran.code:
            said = ran.err.splitlines()[0] if ran.err else ""
            assert any(reason in ran.err for reason in REASONS), told
            assert self._names_a_file(said, ran.hits), told
        if marker.exists():
            assert ran.code and "imgtools recover" in ran.err, told
            imgtools("ls", self.image, "/", code=UnfinishedEdit.exit_code)
            imgtools("recover", self.image)
            assert self.state() == self.after, told
        elif ran.code:
            assert self.digest() == self.before or self.state() == self.after, told
            imgtools("recover", self.image, code=None)
        else:
            assert self.state() == self.after, told
            assert self.made <= {path.name for path in self.folder.iterdir()}, told

    def _names_a_file(self, said: str, hits: Sequence[str]) -> bool:
        if any(path in said for hit in hits for path in re.findall(r"[<\"](/[^>\"]+)", hit)):
            return True
        return any(name in said for name in (*self.known, *self.made, str(self.folder), "/dev/sda"))


@pytest.fixture(scope="module", params=DEEDS)
def deed(request: pytest.FixtureRequest, blank: Path, tmp_path_factory: pytest.TempPathFactory) -> FaultyDeed:
    make, image = DEEDS[request.param]
    beside = tmp_path_factory.mktemp("deed")
    return FaultyDeed(beside / "work", beside, lambda folder: make(folder, blank), image)


@pytest.mark.parametrize("call", CHANGING)
def test_what_cannot_be_written_is_kept_or_recovered(deed: FaultyDeed, call: str) -> None:
    for ran in deed.faults(call, reading=False):
        deed.require_kept(ran)


@pytest.mark.parametrize("call", READING)
def test_what_cannot_be_read_is_named(deed: FaultyDeed, call: str) -> None:
    for ran in deed.faults(call, reading=True):
        deed.require_kept(ran)


def test_json_names_it_too(blank: Path, tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    shutil.copyfile(blank, image)
    ran = run_with_fault(["ls", image, "/", "--json"], "pread64", 5, tmp_path, only=[image])
    document = json.loads(ran.out)
    assert ran.code == 10 and not document["ok"] and str(image) in document["error"]["message"]
