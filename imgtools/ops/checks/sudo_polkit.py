"""polkit gives no rights for all actions at once.

A rule that says YES without asking which action it is about makes whoever it is for root: of services, packages,
disks and the machine itself. Rules of the administrator are looked at, in both of polkit's forms. Whether a rule's
own code comes to YES is not run; one that names an action is passed over. Source: polkit(8), AUTHORIZATION RULES;
pklocalauthority(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

RULES = ("/etc/polkit-1/rules.d/*.rules", "/usr/local/share/polkit-1/rules.d/*.rules")
OLD = ("/etc/polkit-1/localauthority/*/*.pkla", "/var/lib/polkit-1/localauthority/*/*.pkla")
LIMIT = 1 << 20  # bytes of one file


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each rule that allows all actions."""
    if not any(examined.files.is_dir(path) for path in ("/etc/polkit-1", "/usr/share/polkit-1")):
        yield NotThere("no polkit")
    for pattern in (*RULES, *OLD):
        for path in examined.files.glob(pattern):
            if examined.files.is_file(path):
                text = examined.files.read_text(path, limit=LIMIT)
                found = _of_rules(text) if path.endswith(".rules") else _of_old(text)
                for line, whom in found:
                    yield Flaw(
                        f"a rule of polkit allows {whom} all actions", path, line, advice="name the actions"
                    )


def _of_rules(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and whom of rules that allow without a look at the action."""
    bare = re.sub(r"(?m)^[ \t]*//.*$", "", _without_comments(text))
    starts = [one.start() for one in re.finditer(r"addRule\s*\(", bare)]
    ends = [*starts[1:], len(bare)] if starts else []
    for start, end in zip(starts, ends, strict=True):
        body = bare[start:end]
        if re.search(r"Result\.YES|return\s+[\"']yes[\"']", body) and "action." not in body:
            yield bare.count("\n", 0, start) + 1, "some" if "subject." in body else "everybody"


def _without_comments(text: str) -> str:
    """Take out what stands between /* and */; its line ends stay."""
    kept, at = [], 0
    while (start := text.find("/*", at)) >= 0:
        end = text.find("*/", start + 2)
        end = len(text) if end < 0 else end + 2
        kept += [text[at:start], "\n" * text.count("\n", start, end)]
        at = end
    return "".join([*kept, text[at:]])


def _of_old(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and whom of sections that allow an action of *."""
    first, said = 0, dict[str, str]()
    for number, line in enumerate([*text.split("\n"), "["], 1):
        if not line.startswith("["):
            name, _equals, value = line.partition("=")
            said[name.strip()] = value.strip()
            continue
        if said.get("Action") == "*" and "yes" in (said.get("ResultAny"), said.get("ResultActive")):
            yield first, said.get("Identity", "everybody")[:60]
        first, said = number, {}


CHECK = Check(
    title="No rule of polkit allows all actions",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 AC-6",),
)
