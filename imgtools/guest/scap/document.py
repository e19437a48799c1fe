"""XML documents of SCAP, read without entities and within bounds.

What ``oscap`` writes holds text of the guest, and content comes from anywhere: a document type, by which a document
can grow without bound or name other files, is refused.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from imgtools.errors import HostError, ImgtoolsError

LIMIT = 256 << 20  # bytes; the largest data stream of ComplianceAsCode 0.1.76 has 40 MB
PIECE = 1 << 20
DEEPEST = 200  # elements in each other, of which OVAL's criteria have some twenty

DS = "{http://scap.nist.gov/schema/scap/source/1.2}"  # NIST SP 800-126 Rev. 3, section 3.1
XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"  # NISTIR 7275 Rev. 4
OVAL = "{http://oval.mitre.org/XMLSchema/oval-definitions-5}"
OVAL_SYSTEM = OVAL.strip("{}")


class _Builder(TreeBuilder):
    """Builds the tree of a document that has no document type, and is not too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)

    def doctype(self, name: str, public: str | None, system: str | None, /) -> None:
        """Refuse a document type (called by the parser)."""
        raise ValueError("it has a document type")


def read_document(path: Path, error: type[ImgtoolsError], what: str) -> Element:
    """Return the root of a document.

    :param error: what is raised if it is none; ``what`` it should be.
    :raises HostError: it cannot be read.
    """
    parser = XMLParser(target=_Builder())
    done = 0
    try:
        with path.open("rb") as stream:
            while piece := stream.read(PIECE):
                done += len(piece)
                if done > LIMIT:
                    raise ValueError(f"it is larger than {LIMIT >> 20} MiB")
                parser.feed(piece)
        root: Element = parser.close()
    except OSError as failure:
        raise HostError(f"cannot read {path}: {failure.strerror}") from None
    except (ParseError, ValueError, LookupError) as failure:
        raise error(f"{path} is not {what}: {failure}") from None
    return root


def line(text: str | None) -> str:
    """Text of a document as one line."""
    return " ".join((text or "").split())


def text_of(element: Element | None) -> str:
    """All text in an element, as one line."""
    return "" if element is None else line("".join(element.itertext()))
