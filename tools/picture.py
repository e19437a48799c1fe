"""The picture in the README: real output of real commands on the real guest, as an SVG.

`make picture` writes it. No test compares it: which files that guest has, and how big they are, is for Debian's mirror
to say on the day that the guest is built.
"""

from __future__ import annotations

import html
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fixtures import build
from tools.terminal import WIDTH, run_on_terminal

PICTURE = Path("docs/picture.svg")
# A plan with a difference, a diagnosis, and the plan that mends what it found.
PLAN = "imgtools sysprep debian.qcow2 --operations bash-history,hostname,machine-id"
DIAGNOSIS = "imgtools diagnose debian.qcow2 --only filesystems,lvm,fstab,init,login"
REPAIR = "imgtools repair debian.qcow2 --only fstab"
# What happens to guests: a disk was taken away, and the line that mounts it was not.
LINE = "/dev/sdb1 /srv ext4 defaults 0 2"
TROUBLE = f"imgtools write debian.qcow2 /etc/fstab --append --content '{LINE}' --no-check --write"
# rich names a font to fetch from a third party; a picture in a README fetches nothing.
FONT_FACE = re.compile(r"^ *@font-face \{.*?^ *\}\n", re.MULTILINE | re.DOTALL)
CLIPS = re.compile(r"<clipPath id=\"imgtools-line-\d+\">.*?</clipPath>\s*", re.DOTALL)
RUN = re.compile(
    r'<text class="(?P<style>imgtools-r\d+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="[\d.]+"'
    r' clip-path="[^"]+">(?P<text>[^<]*)</text>\s*'
)
CELL = 12.2  # width of a letter, as rich places runs of them


def main() -> int:
    """Draw it."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    with tempfile.TemporaryDirectory(prefix="imgtools-") as scratch:
        folder = Path(scratch)
        image = folder / "debian.qcow2"
        subprocess.run(["cp", "--sparse=always", build.fixture("real").image, image], check=True)
        image.chmod(0o644)
        for line in (PLAN, TROUBLE, DIAGNOSIS, REPAIR):
            shown = run_on_terminal(line, folder, colour=True).text.strip("\n")
            if line is not TROUBLE:
                console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
                console.print(Text.from_ansi(shown))
                console.print()
    drawn = steady(console.export_svg(title="imgtools", unique_id="imgtools"))
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


def steady(drawn: str) -> str:
    """Return rich's picture with each word in a place and of a width of its own.

    rich gives a place to each run of letters, and leaves the spaces in it to the font: where none has letters of one
    width, columns would move.
    """
    placed = RUN.sub(lambda run: "".join(_words(run)), CLIPS.sub("", FONT_FACE.sub("", drawn)))
    return "\n".join(line.rstrip() for line in placed.splitlines() if line.strip()) + "\n"


def _words(run: re.Match[str]) -> Iterator[str]:
    text = html.unescape(run["text"]).replace("\N{NO-BREAK SPACE}", " ")
    for word in re.finditer(r"\S+", text):
        x, width = float(run["x"]) + word.start() * CELL, len(word[0]) * CELL
        yield (
            f'<text class="{run["style"]}" x="{x:.1f}" y="{run["y"]}" textLength="{width:.1f}"'
            f' lengthAdjust="spacingAndGlyphs">{html.escape(word[0], quote=False)}</text>\n'
        )


if __name__ == "__main__":
    sys.exit(main())
