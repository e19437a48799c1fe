"""A report in a real browser, from a file: it filters, sorts, folds, has names, and runs nothing of a guest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from imgtools.door.fleet import fleet_report
from imgtools.fleet.database import place_of, writable
from imgtools.fleet.store import Store
from imgtools.reports.html import to_html
from imgtools.reports.page import page_of_audit
from tests.house.source import ROOT
from tests.support.audits import HOSTILE, audit_report
from tests.support.fleet_answers import finding, guest, run, said, usage
from tools.picture import CELL

# No sandbox: tests may run as root. The rest keeps it from looking for its maker's servers.
WORDS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking",
    "--disable-component-update --disable-sync --window-size=1100,900",
)
SHOWN = "return [...document.querySelectorAll('tbody tr')].filter((row) => row.checkVisibility()).length"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in (*" ".join(WORDS).split(), f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> webdriver.Chrome:
    path = tmp_path / "audit.html"
    path.write_text(to_html(page_of_audit(audit_report(HOSTILE))), encoding="utf-8")
    browser.get(path.as_uri())
    return browser


def rows(page: webdriver.Chrome) -> int:
    found: int = page.execute_script(SHOWN)
    return found


def test_a_hostile_name_does_not_run_and_nothing_is_refused(page: webdriver.Chrome) -> None:
    assert page.title == "Audit of /srv/disk.qcow2"
    assert "<script>document.title='run'</script>" in page.find_element(By.TAG_NAME, "body").text
    # Neither did the page's own policy stop its own script, nor did it ask for anything else.
    assert [one for one in page.get_log("browser") if one["level"] == "SEVERE"] == []


def test_a_click_on_a_state_shows_only_that(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "unfold").click()
    assert rows(page) == 8
    button = page.find_element(By.CSS_SELECTOR, "button[data-state=critical]")
    button.click()
    assert (rows(page), button.get_attribute("aria-pressed")) == (1, "true")
    assert page.find_element(By.ID, "count").text == "1 of 8 shown"
    button.click()
    assert rows(page) == 8


def test_words_narrow_it(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "words").send_keys("sshd NO")
    assert rows(page) == 1
    assert page.find_element(By.CSS_SELECTOR, ".section:not([hidden]) h2").text == "SSH"


def test_a_click_on_a_heading_sorts_and_says_so(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "unfold").click()
    section = page.find_elements(By.CSS_SELECTOR, ".section")[1]
    head = section.find_elements(By.CSS_SELECTOR, "th")[1]
    ids = lambda: [one.text for one in section.find_elements(By.CSS_SELECTOR, "tbody code")]  # noqa: E731
    head.find_element(By.TAG_NAME, "button").click()
    assert (ids(), head.get_attribute("aria-sort")) == (sorted(ids()), "ascending")
    head.find_element(By.TAG_NAME, "button").click()
    assert (ids(), head.get_attribute("aria-sort")) == (sorted(ids(), reverse=True), "descending")


def test_it_folds_and_changes_between_dark_and_light(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "fold").click()
    assert rows(page) == 0
    back = "return getComputedStyle(document.body).backgroundColor"
    before = page.execute_script(back)
    page.find_element(By.ID, "theme").click()
    assert page.execute_script(back) != before


def test_who_listens_hears_names(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "unfold").click()
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    said = [
        (one["role"]["value"], one.get("name", {}).get("value", "")) for one in tree if not one.get("ignored")
    ]
    assert ("searchbox", "Filter") in said
    assert ("table", "SSH") in said or ("table", "Files and modes") in said, said
    assert ("heading", "Audit of /srv/disk.qcow2") in said
    nameless = [
        one for one in said if one[0] in ("button", "searchbox", "table", "columnheader") and not one[1]
    ]
    assert nameless == []


def test_the_picture_of_the_readme_keeps_its_columns_in_any_font(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    drawn = (ROOT / "docs/picture.svg").read_text(encoding="utf-8")
    assert "Fira Code, monospace" in drawn
    path = tmp_path / "picture.svg"
    path.write_text(drawn.replace("Fira Code, monospace", "DejaVu Serif, serif"), encoding="utf-8")
    browser.get(path.as_uri())
    words: list[tuple[str, float, float]] = browser.execute_script(
        "return [...document.querySelectorAll('text[textLength]')].map((one) => "
        "[one.textContent, one.getStartPositionOfChar(0).x, one.getComputedTextLength()])"
    )
    assert len(words) > 100
    for word, x, width in words:
        assert abs(x / CELL - round(x / CELL)) < 0.1 and abs(width / CELL - len(word)) < 0.1, (word, x, width)


@pytest.fixture(scope="module")
def fleet(browser: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory) -> webdriver.Chrome:
    """A fleet whose every name is hostile."""
    folder, odd = tmp_path_factory.mktemp("fleet"), HOSTILE.removesuffix("\udcff")
    with writable(place_of(os.fspath(folder / "fleet.sqlite"))) as connection:
        store = Store(connection)
        for percent in (10, 99):
            run(store, "df", {odd: said(usage=[usage(percent, device=odd, uuid=odd)])})
        run(store, "inspect", {HOSTILE: said(guests=[guest(odd, odd, 1, hostname=odd, machine=odd)])})
        run(store, "audit", {HOSTILE: said(checks=[], findings=[finding(odd, check=odd, text=odd)])})
    fleet_report(folder / "fleet.html", database=os.fspath(folder / "fleet.sqlite"))
    browser.get((folder / "fleet.html").as_uri())
    return browser


def test_a_fleet_runs_nothing_of_its_guests_and_asks_nobody(fleet: webdriver.Chrome) -> None:
    assert fleet.title == "The fleet at a glance"
    assert "<script>document.title='run'</script>" in fleet.find_element(By.TAG_NAME, "body").text
    assert fleet.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert [one for one in fleet.get_log("browser") if one["level"] == "SEVERE"] == []


def test_the_charts_of_a_fleet_have_names_and_follow_dark_and_light(fleet: webdriver.Chrome) -> None:
    tree = fleet.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = [
        one["name"]["value"] for one in tree if not one.get("ignored") and one["role"]["value"] == "image"
    ]
    assert len(names) == len(fleet.find_elements(By.CSS_SELECTOR, "main svg")) == 5
    assert any(one.startswith("Filesystems by how full they are: 0 to 50 % 0") for one in names)
    colour = "return getComputedStyle(document.querySelector('.chart text')).fill"
    before = fleet.execute_script(colour)
    fleet.find_element(By.ID, "theme").click()
    assert fleet.execute_script(colour) != before


def test_a_fleet_is_printed_dark_on_light_without_buttons(fleet: webdriver.Chrome) -> None:
    fleet.execute_script("document.documentElement.dataset.theme = 'dark'")
    fleet.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not fleet.find_element(By.ID, "filters").is_displayed()
        assert fleet.execute_script("return getComputedStyle(document.body).color") == "rgb(28, 30, 33)"
    finally:
        fleet.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
