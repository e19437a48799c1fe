"""The picture of an HTML report in the documentation: a real audit, as Chromium shows it.

`make report-picture` writes it. No test compares it: fonts are the host's.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from imgtools.door.auditing import audit
from imgtools.reports.html import to_html
from imgtools.reports.page import page_of_audit
from tools.transcript import guest_folder

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "audit-report.svg"
WIDTH, HEIGHT = 1000, 720
# No sandbox: it may be root that calls it. The rest keeps the browser from looking for its maker's servers.
WORDS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking",
    "--disable-component-update --disable-sync --hide-scrollbars",
)
SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<title>An audit as an HTML report: filter, severities, and findings by group</title>
<image width="{width}" height="{height}" href="data:image/png;base64,
{lines}
"/>
</svg>
"""


def main() -> int:
    """Write the picture."""
    with guest_folder() as folder, tempfile.TemporaryDirectory() as scratch:
        page = page_of_audit(audit(folder / "debian.qcow2"))
        shown = Path(scratch) / "audit.html"
        shown.write_text(to_html(page).replace(f"{folder}/", ""), encoding="utf-8")
        png = _screenshot(shown, scratch)
    lines = base64.encodebytes(png).decode("ascii").strip()
    PICTURE.write_text(SVG.format(width=WIDTH, height=HEIGHT, lines=lines), encoding="utf-8")
    return 0


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
