"""virt-inspector: the operating systems of an image, in XML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.compat.sources import KEYS, NAMING, SPEAKING, source
from imgtools.compat.text import put
from imgtools.compat.words import Takes, Words, refused, switch
from imgtools.errors import NoGuest, UsageError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

OPTIONS = (
    *NAMING,
    *KEYS,
    switch("--no-applications"),
    switch("--no-icon"),
    refused("pipe the XML to xmllint --xpath QUERY - (libxml2-utils)", "--xpath", takes=Takes.VALUE),
    *SPEAKING,
)
DECLARATION = '<?xml version="1.0"?>\n'
# Elements of later releases.
LATER = frozenset({"build_id", "windows_group_policy"})
# What libxml2 writes for letters in text (xmlEncodeSpecialChars).
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


def run(words: Words) -> int:
    """Print the document."""
    from imgtools.reports.inspect_xml import inspect_tree
    from imgtools.workflows.inspect import Wanted, inspect

    old = () if words.has("--add") or words.has("--domain") else words.rest
    if words.rest and not old:
        raise UsageError(
            f"extra argument '{words.rest[0]}' on command line",
            hint=f"the argument of --format is written behind =: --format={words.rest[0]}",
        )
    wanted = Wanted(applications=not words.has("--no-applications"), icon=not words.has("--no-icon"))
    try:
        report = inspect(source(words, old, mounts=False), wanted)
    except NoGuest:
        put(f"{DECLARATION}<operatingsystems/>\n")
        return 0
    tree = inspect_tree(report)
    for system in tree:
        _as_there(system)
    put(DECLARATION + written(tree))
    return 0


def _as_there(system: Element) -> None:
    """Leave out what libguestfs does not know, and say as it does what it says otherwise.

    Debian goes by its version (/etc/debian_version), packages of dpkg have no publisher, and a line that dpkg writes
    as a dot stays one; of Windows only the system's own volume is mounted, and programs are sorted by their names.
    """
    version = ".".join(system.findtext(name, "") for name in ("major_version", "minor_version"))
    product = system.find("product_name")
    if product is not None and system.findtext("distro") == "debian":
        product.text = version
    if system.findtext("package_format") == "deb":
        for program in system.findall("applications/application"):
            for publisher in program.findall("publisher"):
                program.remove(publisher)
            if (told := program.find("description")) is not None and told.text:
                told.text = "\n".join(line or "." for line in told.text.split("\n"))
    if system.findtext("name") == "windows":
        root = system.findtext("root", "")
        for kind in ("mountpoint", "filesystem"):
            for parent in system.findall(f"{kind}s"):
                parent[:] = [one for one in parent if one.get("dev") == root and one.text in ("/", None)]
        for programs in system.findall("applications"):
            programs[:] = sorted(
                programs, key=lambda one: one.findtext("name", "").encode("utf-8", "replace")
            )


def written(element: Element, depth: int = 0) -> str:
    """Return an element as libxml2's writer has it: two spaces a level, text alone on the line of its element."""
    space = "  " * depth
    words = "".join(f' {name}="{value.translate(ESCAPES)}"' for name, value in element.attrib.items())
    children = [one for one in element if one.tag not in LATER]
    if children:
        inner = "".join(written(one, depth + 1) for one in children)
        return f"{space}<{element.tag}{words}>\n{inner}{space}</{element.tag}>\n"
    if not element.text:
        return f"{space}<{element.tag}{words}/>\n"
    return f"{space}<{element.tag}{words}>{element.text.translate(ESCAPES)}</{element.tag}>\n"
