r"""Passwords that files of answers for setup have left behind in a Windows guest, and the files without them.

Setup keeps what it has read in Panther, with ``*SENSITIVE*DATA*DELETED*`` in the place of passwords ("Unattended
Windows Setup Reference", learn.microsoft.com); what lay elsewhere stays as it was. Preferences of a group policy
have theirs in ``cpassword``, under a key that Microsoft has published ([MS-GPPREF] 2.2.1.1.4; MS14-025).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from imgtools.engine.regvalue import decode_utf16
from imgtools.errors import OddGuest
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader

DELETED = "*SENSITIVE*DATA*DELETED*"
LONGEST = 1 << 20  # bytes of a file
MOST = 200  # files that a pattern may match
# "%" is the folder of Windows. Where setup looks, and where people leave what they gave it.
PLACES = (
    "%/Panther/unattend.xml", "%/Panther/Unattend/unattend.xml", "%/Panther/autounattend.xml",
    "%/System32/Sysprep/unattend.xml", "%/System32/Sysprep/Panther/unattend.xml", "%/System32/unattend.xml",
    "/unattend.xml", "/autounattend.xml", "/sysprep/unattend.xml", "/sysprep/sysprep.xml", "/sysprep/sysprep.inf",
    "/sysprep.inf", "/Windows.old/Windows/Panther/unattend.xml",
)  # fmt: skip
PREFERENCES = "/ProgramData/Microsoft/Group Policy/History/*/*/Preferences/*/*.xml"
INF_PASSWORD = re.compile(r"(?im)^[ \t]*(\w*password)[ \t]*=[ \t]*(?!\*?[ \t]*\r?$)[^\r\n]+")


class AnswerSecret(NamedTuple):
    """A password in a file: which one; never what it is."""

    path: str
    name: str


def answer_files(files: GuestReader, systemroot: str) -> Iterator[str]:
    """Yield the files that may hold passwords."""
    seen: set[str] = set()
    for place in PLACES:
        path = join(systemroot, place[2:]) if place.startswith("%") else place
        if files.is_file(path) and (found := files.resolve(path)) not in seen:
            seen.add(found)
            yield found
    yield from sorted(files.glob(PREFERENCES))[:MOST]


def secrets_of(files: GuestReader, path: str) -> tuple[AnswerSecret, ...]:
    """Return the passwords in a file.

    :raises OddGuest: it does not parse, is too long, or has a document type, which could grow without bound.
    """
    if files.stat(path).size > LONGEST:
        raise OddGuest(f"{path} is too long for a file of answers")
    content = files.read_bytes(path, limit=LONGEST)
    if path.lower().endswith(".inf"):
        found = [match[1] for match in INF_PASSWORD.finditer(_text(content))]
        return tuple(AnswerSecret(path, name) for name in dict.fromkeys(found))
    names = [name for name, _element in _passwords(_parsed(content, path))]
    return tuple(AnswerSecret(path, name) for name in dict.fromkeys(names))


def without_secrets(content: bytes, path: str) -> bytes:
    """Return a file of answers in which every password is :data:`DELETED`, as setup itself leaves it.

    :raises OddGuest: as :func:`secrets_of`.
    """
    if path.lower().endswith(".inf"):
        return INF_PASSWORD.sub(lambda match: f"{match[1]}=*", _text(content)).encode("utf-8", "replace")
    root = _parsed(content, path)
    for _name, element in _passwords(root):
        if "cpassword" in element.attrib:
            element.set("cpassword", "")
        else:
            element.text = DELETED
    _keep_names(root)
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _passwords(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield where each password is, as names of elements, and the element that holds it."""
    todo: list[tuple[Element, tuple[str, ...]]] = [(root, ())]
    while todo:
        element, above = todo.pop()
        here = (*above, element.tag.rpartition("}")[2])[-4:]
        if element.get("cpassword"):
            yield "/".join(here), element
        text = (element.text or "").strip()
        is_password = here[-1].lower().endswith("password") or (
            len(here) > 1 and here[-1] == "Value" and here[-2].lower().endswith("password")
        )
        if is_password and not len(element) and text and text != DELETED:
            yield "/".join(here), element
        todo.extend((below, here) for below in reversed(element))


def _parsed(content: bytes, path: str) -> Element:
    plain = content.replace(b"\0", b"")  # of UTF-16
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise OddGuest(f"{path} has a document type", hint="files of answers have none")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise OddGuest(f"{path} does not parse: {error}") from None


def _keep_names(root: Element) -> None:
    """Have the names be written as Windows writes them."""
    from imgtools.guest.windows.answers import SCHEMA, WCM

    if SCHEMA in root.tag:
        ElementTree.register_namespace("", SCHEMA)
        ElementTree.register_namespace("wcm", WCM)


def _text(content: bytes) -> str:
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return decode_utf16(content).lstrip("\ufeff") if is_wide else content.decode("utf-8", "replace")
