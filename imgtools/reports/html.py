"""Reports as one self-contained HTML file: no network, no other files, readable from a disk.

What a guest has written is hostile: the template engine escapes every value, and the page's own policy (CSP) lets no
script run but the one that is in the template, by its hash, whatever a file is called.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from imgtools.reports.page import Page

if TYPE_CHECKING:
    from jinja2 import Template

MARK = '<meta name="generator" content="imgtools">'


def to_html(page: Page) -> str:
    """Return a page as HTML."""
    return _template().render(page=page, mark=MARK, **_parts())


@cache
def _parts() -> dict[str, str]:
    folder = files("imgtools.reports") / "templates"
    script = (folder / "report.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": script, "style": (folder / "report.css").read_text("utf-8"), "hash": f"sha256-{digest}"}


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("imgtools.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    return environment.get_template("report.html")


def shown(text: str) -> str:
    """Return a guest's text as a page may hold it: control and direction characters become escapes, lines stay.

    Surrogates that stand for bytes that are not UTF-8 cannot be written into a file, either.
    """
    return "".join(
        letter
        if letter == "\n" or letter.isprintable()
        else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )
