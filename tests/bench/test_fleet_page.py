"""What a fleet's figures are held against: what is called met is met."""

from __future__ import annotations

from dataclasses import replace

from tests.bench.fleet_page import Loop, Measured, Ran, Stub, judge, write_page

MB = 1_000_000
RUN = Ran("debian", "inspect", 1000, 2, 53.0, 0.05, 130 * MB)
GOOD = Measured(
    runs=(
        replace(RUN, images=10, seconds=3.5, each=0.06),
        RUN,
        replace(RUN, workers=1, seconds=100.0, each=0.096),
    ),
    stubs=(Stub(1000, 5.0, 130 * MB), Stub(10_000, 60.0, 140 * MB)),
    loops=(Loop("debian", "imgtools inspect", 10, 2.4), Loop("debian", "virt-inspector -a", 2, 30.0)),
)


def missed(figures: Measured) -> list[str]:
    return [one.what.partition(":")[0] for one in judge(figures) if not one.met]


def test_what_reaches_each_goal() -> None:
    assert len(judge(GOOD)) == 6 and not missed(GOOD)
    page = write_page(GOOD, [("memory", "8 GiB")])
    assert "283 times the images a second" in page and "1.92 times" in page
    assert page.endswith("6 of 6 goals met.\n")


def test_what_misses_one() -> None:
    dear, alone = replace(RUN, each=0.08), replace(RUN, workers=1, each=0.094)
    assert missed(replace(GOOD, runs=(GOOD.runs[0], dear))) == ["inspect, debian"]
    assert missed(replace(GOOD, runs=(*GOOD.runs[:2], alone))) == ["inspect, debian"]
    assert missed(replace(GOOD, stubs=(GOOD.stubs[0], Stub(10_000, 101.0, 170 * MB)))) == [
        "client, scheduler and database, 10000 stubs",
        "the client's memory, 1000 to 10000 stubs",
    ]
    assert missed(replace(GOOD, loops=(Loop("debian", "imgtools inspect", 10, 1.5),))) == ["inspect, debian"]
