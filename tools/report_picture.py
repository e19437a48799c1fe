"""The pictures of HTML reports in the documentation: an audit and a fleet of test guests, as Chromium shows them.

`make report-picture` writes them. No test compares them: fonts are the host's.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from fixtures.build import fixture
from imgtools.door.auditing import audit
from imgtools.door.fleet import fleet_report, fleet_run
from imgtools.reports.html import to_html
from imgtools.reports.page import page_of_audit
from tools.transcript import guest_folder

DOCS = Path(__file__).resolve().parent.parent / "docs"
FLEET = (
    "debian",
    "ubuntu",
    "rocky",
    "fedora",
    "alpine",
    "arch",
    "opensuse",
    "rhel6",
    "windows",
    "windows-server",
)
WIDTH, HEIGHT = 1000, 720
# No sandbox: it may be root that calls it. The rest keeps the browser from looking for its maker's servers.
WORDS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking",
    "--disable-component-update --disable-sync --hide-scrollbars",
)
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<title>{title}</title>
<image width="{width}" height="{height}" href="data:image/png;base64,
{lines}
"/>
</svg>
"""


def main() -> int:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        audited, fleet = Path(scratch) / "audit.html", Path(scratch) / "fleet.html"
        with guest_folder() as folder:
            page = page_of_audit(audit(folder / "debian.qcow2"))
            audited.write_text(to_html(page).replace(f"{folder}/", ""), encoding="utf-8")
        title = "An audit as an HTML report: filter, severities, and findings by group"
        _write(DOCS / "audit-report.svg", audited, title, scratch)
        database = os.fspath(Path(scratch) / "imgtools-fleet.sqlite")
        for question in ("inspect", "df", "audit"):
            fleet_run(question, [fixture(name).image for name in FLEET], database=database, time_limit=600)
        fleet_report(fleet, database=database)
        fleet.write_text(fleet.read_text("utf-8").replace(f"{scratch}/", ""), encoding="utf-8")
        _write(
            DOCS / "fleet-report.svg",
            fleet,
            "A fleet as an HTML report: what stands out, and systems",
            scratch,
        )
    return 0


def _write(picture: Path, page: Path, title: str, profile: str) -> None:
    lines = base64.encodebytes(_screenshot(page, profile)).decode("ascii").strip()
    picture.write_text(SVG.format(width=WIDTH, height=HEIGHT, lines=lines, title=title), encoding="utf-8")


def _screenshot(page: Path, profile: str) -> bytes:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in (*" ".join(WORDS).split(), f"--user-data-dir={profile}/profile"):
        options.add_argument(word)
    driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.as_uri())
        return driver.get_screenshot_as_png()
    finally:
        driver.quit()


if __name__ == "__main__":
    sys.exit(main())
