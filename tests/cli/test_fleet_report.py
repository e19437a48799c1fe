"""imgtools fleet report: one page of what a fleet has answered, whatever guests are called."""

from __future__ import annotations

import os
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

import imgtools as door
from imgtools.fleet.database import place_of, writable
from imgtools.fleet.store import Store
from imgtools.fleet.work import LARGEST, Answer
from imgtools.guest.packages import release_end
from tests.support.audits import HOSTILE
from tests.support.command import imgtools
from tests.support.fleet_answers import disk, failed, finding, guest, package, run, said, unread, usage

DAY = date(2026, 1, 31)
ENDS = "version,codename,series,created,release,eol,eol-lts\n10,B,b,,,2022-09-10,2024-06-30\n"
ENDS += "12,W,w,,,2026-06-10,\n"
ODD = HOSTILE.removesuffix("\udcff")


class Page(HTMLParser):
    """What is read of a page: by section its rows, each the texts of its cells; notes, names of pictures, all tags."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: dict[str, list[list[str]]] = {}
        self.notes: dict[str, str] = {}
        self.pictures: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._within = self._section = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        facts = dict(attrs)
        if tag == "svg":
            assert facts["role"] == "img"
            self.pictures.append(facts["aria-label"] or "")
        if tag == "p" and facts.get("class") == "note":
            tag = "note"
        if tag in ("h2", "tr", "td", "note", "figure"):
            self._within = tag
        if tag == "h2":
            self._section = ""
        elif tag == "tr":
            self.rows[self._section].append([])
        elif tag == "td":
            self.rows[self._section][-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._within == "h2":
            self._section, self._within = data, ""
            self.rows[data] = []
        elif self._within == "td":
            self.rows[self._section][-1][-1] += data.strip()
        elif self._within == "note":
            self.notes[self._section] = data
            self._within = ""

    def section(self, title: str) -> list[list[str]]:
        """Its rows, without that of the headings."""
        return [row for row in self.rows[title] if row]


def images(*answers: Answer) -> dict[str, Answer]:
    return {f"/srv/{number}.qcow2": one for number, one in enumerate(answers)}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Five images: three Debians, one of them past its end; one that is bad; one whose names are hostile."""
    place = os.fspath(tmp_path_factory.mktemp("fleet") / "fleet.sqlite")
    new = guest("debian", "Debian GNU/Linux 12", 12, 4, hostname="web", machine="c0ffee")
    old = guest("debian", "Debian GNU/Linux 10", 10, hostname="old")
    odd = guest(ODD, ODD, 1, hostname=ODD, osinfo="../../etc", machine="uninitialized")
    bad = failed("BadImage", "no header", "look at it")
    versions = (package("bash", "5.2", "1"), package("sed", "4"), package("bash", "5.2", "2"))
    with writable(place_of(place)) as connection:
        store = Store(connection)
        run(store, "df", images(said(usage=[usage(10)])))
        run(
            store,
            "df",
            images(
                said(usage=[usage(99.5, uuid="u1"), usage(50, uuid="u2"), unread("/dev/sdb")]),
                said(usage=[usage(86, uuid="u1")]),
                said(usage=[usage(100, size=LARGEST, device=ODD, uuid=ODD), usage(1, size=LARGEST)]),
                bad,
            ),
        )
        run(
            store,
            "inspect",
            images(
                said(guests=[new], packages=[versions[0], versions[1]]),
                said(guests=[new], packages=[versions[2], versions[1]]),
                said(guests=[old], packages=[package("bash", "4.0"), package("sed", "3", epoch=2)]),
                bad,
                said(guests=[odd], packages=[package(ODD, ODD), package(ODD, "1")]),
            ),
        )
        found = [
            finding("critical", check="a"),
            finding("high", "waived"),
            finding("low", check="b", text=ODD),
        ]
        run(store, "audit", images(said(checks=[], findings=found), said(checks=[], findings=found[2:])))
        run(store, "diagnose", {"/cut.qcow2": failed("BadImage")}, "cut")
    return place


@pytest.fixture(scope="module")
def page(database: str, tmp_path_factory: pytest.TempPathFactory) -> Page:
    file = tmp_path_factory.mktemp("report") / "fleet.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_end, "_host_text", lambda name: ENDS)
        report = door.fleet_report(file, database=database, today=DAY)
    assert not report.sound and report.host_path == file
    assert list(file.parent.iterdir()) == [file], "nothing half written is left"
    assert report.verdict == (
        "What stands out: 1 guest of 1 release past its end; 2 filesystems at least 95 % full; 1 image with critical "
        "or high findings; 1 image without an answer; 1 machine ID in more than one image."
    )
    found = Page(file.read_text("utf-8"))
    assert {one.title: one.rows for one in report.sections} == {
        title: len(found.section(title)) for title in found.rows
    }
    return found


def cells(page: Page, title: str, *columns: int) -> list[tuple[str, ...]]:
    return [tuple(row[one] for one in columns) for row in page.section(title)]


def test_systems_and_until_when_they_get_updates(page: Page) -> None:
    assert cells(page, "Systems", 0, 3) == [("past its end", "1"), ("supported", "2"), ("not known", "1")]
    assert page.section("Systems")[0][1] == "Debian GNU/Linux 10"
    assert "until 2024-06-30, by distro-info-data" in page.section("Systems")[0][2]
    assert "/srv/2.qcow2" in page.section("Systems")[0][2]
    assert "Guests by distribution: debian 3" in page.pictures[0]


@pytest.mark.parametrize(
    ("day", "name", "state"),
    [
        ("2026-03-11", "Debian GNU/Linux 12", "supported"),
        ("2026-03-12", "Debian GNU/Linux 12", "ends soon"),
        ("2026-06-10", "Debian GNU/Linux 12", "ends soon"),
        ("2026-06-11", "Debian GNU/Linux 12", "past its end"),
        ("2022-09-11", "Debian GNU/Linux 10", "long-term only"),
    ],
)
def test_a_release_is_past_its_end_the_day_after(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, name: str, state: str
) -> None:
    monkeypatch.setattr(release_end, "_host_text", lambda name: ENDS)
    door.fleet_report(tmp_path / "x.html", database=database, today=date.fromisoformat(day))
    systems = Page((tmp_path / "x.html").read_text("utf-8")).section("Systems")
    assert [row[0] for row in systems if row[1] == name] == [state]


def test_the_fullest_come_first_and_sizes_that_nobody_has_harm_nothing(page: Page) -> None:
    found = cells(page, "How full", 0, 1, 3)
    assert found == [
        ("full", "100.0 %", "/srv/2.qcow2"),
        ("full", "99.5 %", "/srv/0.qcow2"),
        ("nearly full", "86.0 %", "/srv/1.qcow2"),
        ("room", "50.0 %", "/srv/0.qcow2"),
        ("room", "1.0 %", "/srv/2.qcow2"),
    ]
    assert "1000 in all, 995 used, 5 free" in page.section("How full")[1][2]
    assert page.notes["How full"] == "1 filesystem could not be read."
    assert any(one.endswith("85 to 95 % 1, 95 % and more 2") for one in page.pictures)


def test_findings_count_images_and_not_what_a_policy_lets_be(page: Page) -> None:
    assert cells(page, "Findings of audits", 0, 1, 3) == [("critical", "a", "1"), ("low", "b", "2")]
    assert any(one.endswith("critical 1 (1 finding), low 2 (2 findings)") for one in page.pictures)


def test_what_several_images_have_in_common(page: Page) -> None:
    assert cells(page, "Duplicates", 0, 1, 3) == [
        ("machine ID", "c0ffee", "2"),
        ("host name", "web", "2"),
        ("filesystem UUID", "u1", "2"),
    ]


def test_packages_that_differ_within_a_release_come_first(page: Page) -> None:
    found = cells(page, "Packages in several versions", 0, 1, 3)
    assert (found[0], found[2]) == (("differs", "bash", "debian 12"), ("by release", "sed", ""))
    assert found[1][0] == "differs" and "<script>" in found[1][1]
    texts = {row[1]: row[2] for row in page.section("Packages in several versions")}
    assert texts["bash"].startswith("4.0 (1), 5.2-1 (1), 5.2-2 (1)")
    assert texts["sed"].startswith("4 (2), 2:3 (1)")


def test_images_without_an_answer_say_why_once(page: Page) -> None:
    (one,) = page.section("Images without an answer")
    assert (one[0], one[1], one[3]) == ("no answer", "BadImage", "/srv/3.qcow2")
    assert "no header" in one[2] and "df, inspect" in one[2] and "look at it" in one[2]


def test_growth_is_told_run_by_run(page: Page) -> None:
    found = page.section("Growth: what guests use")
    assert [(row[0], row[1]) for row in found] == [("more", "run 2"), ("first", "run 1")]
    assert found[1][2] == "100 used of 1000, 1 image"
    assert any(one.startswith("Room by run: used from 100 on 20") for one in page.pictures)


def test_what_was_never_asked_to_its_end_says_what_fills_it(page: Page) -> None:
    for title, kind in (("What keeps guests from booting", "diagnose"), ("Growth: what images take", "info")):
        assert not page.section(title)
        assert f"imgtools fleet run {kind} -- IMAGES... fills this section" in page.notes[title]


def test_what_a_guest_wrote_makes_no_element(page: Page) -> None:
    assert page.text.count("<script>document.title='run'</script>") >= 6
    assert "\x1b" not in page.text and "\u202e" not in page.text and "\\x1b[31m" in page.text
    assert page.tags.count("script") == 1


def test_a_fleet_in_which_nothing_stands_out(tmp_path: Path) -> None:
    place = os.fspath(tmp_path / "fleet.sqlite")
    with writable(place_of(place)) as connection:
        store = Store(connection)
        for taken in (100, 90, 90):
            run(store, "info", {"/a": said(disks=[disk(taken, 1000)])})
        run(store, "audit", {"/a": said(checks=[], findings=[])})
    words = ("fleet", "report", tmp_path / "fleet.html", "--database", place)
    ran = imgtools(*words, "--json")
    assert ran.data["sound"] and ran.data["verdict"] == "Nothing stands out."
    titles = [one["title"] for one in ran.data["sections"]]
    assert "Findings of audits" not in titles and "Images without an answer" not in titles
    found = Page((tmp_path / "fleet.html").read_text("utf-8")).section("Growth: what images take")
    assert [row[0] for row in found] == ["the same", "less", "first"]
    assert found[1][2] == "90 on the host of 1000, 1 image; -10"


def test_many_rows_are_cut_and_it_is_said(tmp_path: Path) -> None:
    place = os.fspath(tmp_path / "fleet.sqlite")
    found = [finding("low", check=f"check-{number}") for number in range(250)]
    with writable(place_of(place)) as connection:
        run(
            Store(connection),
            "audit",
            {f"/{number}": said(checks=[], findings=found) for number in range(25)},
        )
    imgtools("fleet", "report", tmp_path / "x.html", "--database", place)
    page = Page((tmp_path / "x.html").read_text("utf-8"))
    assert len(page.section("Findings of audits")) == 200
    assert page.notes["Findings of audits"] == "The first 200 of 250."
    assert "and 5 more" in page.section("Findings of audits")[0][2]


def test_what_is_refused(database: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.html"
    report = ("fleet", "report")
    none = imgtools(*report, file, "--database", tmp_path / "none.sqlite", code=54)
    assert "no such file" in none.err and "imgtools fleet run makes it" in none.err
    place = tmp_path / "empty.sqlite"
    with writable(place_of(os.fspath(place))) as connection:
        pass
    empty = imgtools(*report, file, "--database", place, code=57)
    assert "has no run that came to its end" in empty.err and "imgtools fleet run inspect" in empty.err
    with writable(place_of(os.fspath(place))) as connection, connection.begin():
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in imgtools(*report, file, "--database", place, code=55).err
    assert "its name ends with .html" in imgtools(*report, tmp_path / "x.txt", code=2).err
    assert all(one.name.startswith(place.name) for one in tmp_path.iterdir()), "nothing is left"
    file.write_text("mine")
    assert imgtools(*report, file, "--database", database, code=15).err
    assert file.read_text() == "mine"
    imgtools(*report, file, "--database", database, "--overwrite")
    assert "at a glance" in file.read_text("utf-8")


def test_the_database_itself_is_not_replaced(database: str, tmp_path: Path) -> None:
    link = tmp_path / "fleet.html"
    link.symlink_to(database)
    ran = imgtools("fleet", "report", link, "--overwrite", "--database", database, code=2)
    assert "is the database itself" in ran.err
