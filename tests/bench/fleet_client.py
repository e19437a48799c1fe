"""A fleet's client whose workers answer at once: what it, the scheduler and the database take for an image.

``python -m tests.bench.fleet_client COUNT FOLDER`` prints JSON: ``seconds`` of the run without its start, ``processor``
time of the client in them, resident memory ``before`` it began and at its ``peak``, in bytes.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from imgtools.fleet import cluster
from imgtools.fleet.plugin import Answered
from imgtools.fleet.reports import ImageAnswer
from imgtools.fleet.run import Heard, Image, Wanted, run_fleet
from imgtools.fleet.work import Work
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from tests.bench.fleet_images import stubs

ANSWER = json.dumps(
    {"code": 0, "error": None, "warnings": [], "rows": {}, "seconds": 0.0, "needed": []}
).encode()
WORKERS = 2


def answer_stub(work: Work) -> Answered:
    """Answer as an image that says nothing: in place of what a worker does."""
    return Answered(ANSWER, "stub")


def main() -> int:
    """Run it."""
    count, folder = int(sys.argv[1]), Path(sys.argv[2])
    paths = stubs(count, folder)
    images = [Image(str(path), ImageRequest(disks=(DiskSource(path),))) for path in paths]
    database = folder / f"stubs-{count}.sqlite"
    database.unlink(missing_ok=True)
    first = processor = 0.0

    def tell(one: ImageAnswer) -> None:
        nonlocal first, processor
        if not first:
            first, processor = time.monotonic(), time.process_time()

    before = _resident("VmRSS")
    cluster.answer_image = answer_stub  # type: ignore[attr-defined]  # in place of what a worker does
    report = run_fleet(Wanted("info", images, str(database), workers=WORKERS), Heard(answer=tell))
    assert report.asked == count and not report.failed
    seconds, processor = time.monotonic() - first, time.process_time() - processor
    facts = {
        "seconds": round(seconds, 3),
        "processor": round(processor, 3),
        "before": before,
        "peak": _resident("VmHWM"),
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


def _resident(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())
