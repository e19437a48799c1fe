"""The documentation as pages for a browser, with a search that needs no server: `make site` writes build/site.

Zensical (MIT), the successor of MkDocs with its Material theme, makes them from docs/ and the README. A link that leads
nowhere ends it with an error. Files beside docs/ are no pages: a link to one becomes its name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE, CONFIGURATION = ROOT / "build" / "site-source", ROOT / "build" / "site.yml"
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")
# Pages with a place of their own.
ELSEWHERE = {"README.md", "index.md", "tutorial.md", "plan.md", "safety.md"}


def main() -> int:
    """Put the pages together and have them made."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(ROOT / "docs", SOURCE)
    for page in SOURCE.rglob("*.md"):
        page.write_text(_within(page.read_text(), ROOT / "docs" / page.relative_to(SOURCE).parent))
    front = (ROOT / "README.md").read_text()
    front = _within(re.sub(r"(\]\(|src=\")docs/", r"\1", front), ROOT / "docs", ROOT)
    (SOURCE / "index.md").write_text(front)
    guides = sorted(one.name for one in SOURCE.glob("*.md") if one.name not in ELSEWHERE)
    configured = (ROOT / "tools" / "site.yml").read_text().replace("GUIDES", f"[{', '.join(guides)}]")
    CONFIGURATION.write_text(configured.replace("../build/", ""))
    zensical = Path(sys.executable).with_name("zensical")
    words = [str(zensical), "build", "--strict", "--clean", "-f", str(CONFIGURATION)]
    code = subprocess.run(words, check=False, stdout=sys.stderr).returncode
    if not code:
        sys.stdout.write(f"{(ROOT / 'build' / 'site' / 'index.html').relative_to(ROOT)}\n")
    return code


def _within(text: str, folder: Path, other: Path | None = None) -> str:
    """Return a page without links to files that are no pages.

    :param folder: where the page is, of docs/.
    :param other: where links may lead from as well.
    """

    def kept(found: re.Match[str]) -> str:
        places = [(one / found[2]).resolve() for one in (folder, other) if one]
        outside = [one for one in places if one.exists() and (ROOT / "docs") not in one.parents]
        inside = [one for one in places if (ROOT / "docs") in one.parents and one.exists()]
        if inside or not outside:
            return found[0]
        if outside[0] == ROOT / "README.md":
            return f"[{found[1]}]({'../' * (len(folder.relative_to(ROOT / 'docs').parts))}index.md{found[3] or ''})"
        return found[1]

    return LINK.sub(kept, text)


if __name__ == "__main__":
    sys.exit(main())
