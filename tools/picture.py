"""The picture in the README: real output of real commands on a fixture, as an SVG."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tools.terminal import WIDTH, run_on_terminal
from tools.transcript import guest_folder

# rich names a font to fetch from a third party; a picture in a README fetches nothing. Letters keep their places.
FONT_FACE = re.compile(r"^ *@font-face \{.*?^ *\}\n", re.MULTILINE | re.DOTALL)
PICTURE = Path("docs/picture.svg")
COMMANDS = (
    "imgtools filesystems debian.qcow2",
    "imgtools df -h debian.qcow2",
    "imgtools cat debian.qcow2 /etc/fstab",
)


def pictures() -> dict[Path, str]:
    """The path of each picture in the checkout, and its text."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    with guest_folder() as folder:
        for line in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (line, "bold")))
            console.print(Text.from_ansi(run_on_terminal(line, folder, colour=True).text.rstrip()))
    svg = FONT_FACE.sub("", console.export_svg(title="imgtools", unique_id="imgtools"))
    return {PICTURE: "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"}
