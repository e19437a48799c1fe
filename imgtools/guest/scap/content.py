"""A SCAP source data stream: its profiles, its rules, and what each asks of a system.

Sources: NIST SP 800-126 Rev. 3 (SCAP 1.3), NISTIR 7275 Rev. 4 (XCCDF 1.2), the OVAL 5.11.1 language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from imgtools.errors import UsageError
from imgtools.guest.scap.document import DS, OVAL, OVAL_SYSTEM, XCCDF, read_document, text_of
from imgtools.records.scap import ScapProfile

PREFIX = "_profile_"  # xccdf_NAMESPACE_profile_NAME: XCCDF 1.2, section 6.2.3
# What of OVAL's kinds oscap answers from a mounted folder alone, tried with openscap 1.3.7 (docs/audit-oscap.md). The
# others it answers from the host (password), with nothing (process58), or not at all (sysctl, uname).
OFFLINE = frozenset(
    {"dpkginfo", "family", "file", "fileextendedattribute", "filehash", "filehash58", "rpminfo"}
    | {"textfilecontent", "textfilecontent54", "unknown", "variable", "xmlfilecontent", "yamlfilecontent"}
)
# What it wants to answer from a root of its own, which is not given to it.
ROOTED = frozenset(
    {"filemd5", "rpmverify", "rpmverifyfile", "rpmverifypackage", "runlevel", "symlink", "xinetd"}
)
_ITEMS = ("definitions", "tests", "objects", "states", "variables")
_KINDS = ("_test", "_object")


class DataStream:
    """A data stream that was read.

    :raises UsageError: the file is none.
    :raises HostError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        what = "a SCAP source data stream"
        root = read_document(path, UsageError, what)
        if root.tag != f"{DS}data-stream-collection":
            raise UsageError(f"{path} is not {what}", hint="the files of ComplianceAsCode end with -ds.xml")
        self._benchmarks = {one.get("id", ""): one for one in root.iter(f"{XCCDF}Benchmark")}
        self._oval = _Oval(root.iter(f"{OVAL}oval_definitions"))
        if not self._benchmarks:
            raise UsageError(f"{path} has no benchmark")

    @property
    def profiles(self) -> tuple[ScapProfile, ...]:
        """Its profiles."""
        return tuple(
            ScapProfile(one.get("id", ""), text_of(one.find(f"{XCCDF}title")))
            for benchmark in self._benchmarks.values()
            for one in benchmark.iterfind(f"{XCCDF}Profile")
        )

    def choose(self, name: str) -> tuple[ScapProfile, str]:
        """Return the profile that a person names, by its id or the last part of it, and its benchmark.

        :raises UsageError: there is no such profile, or several.
        """
        found = [
            (ScapProfile(one.get("id", ""), text_of(one.find(f"{XCCDF}title"))), benchmark)
            for benchmark, element in self._benchmarks.items()
            for one in element.iterfind(f"{XCCDF}Profile")
            if name in (one.get("id", ""), _short(one.get("id", "")))
        ]
        if len(found) == 1:
            return found[0]
        names = ", ".join(_short(one.id) for one in self.profiles) or "none at all"
        many = "several profiles are called" if found else "no profile"
        raise UsageError(f"{many} {name} in {self.path}", hint=f"it has {names}")

    def rules(self, benchmark: str) -> dict[str, Element]:
        """Return the rules of a benchmark by their ids."""
        return {one.get("id", ""): one for one in self._benchmarks[benchmark].iter(f"{XCCDF}Rule")}

    def asks(self, rule: Element) -> frozenset[str]:
        """Return the kinds of OVAL that a rule needs; a check of another system than OVAL is ``""``."""
        wanted: set[str] = set()
        for check in _first_choice(rule):
            if check.get("system") != OVAL_SYSTEM:
                return frozenset([""])
            for part in check.iterfind(f"{XCCDF}check-content-ref"):
                name = part.get("name")
                wanted |= self._oval.kinds(name) if name else {""}
        return frozenset(wanted)

    def offline(self, benchmark: str, rules: Iterable[str]) -> tuple[str, ...]:
        """Return the kinds of OVAL that some of these rules ask for, and that no folder of files can answer."""
        known = self.rules(benchmark)
        wanted = {kind for name in rules if name in known for kind in self.asks(known[name])}
        return tuple(sorted(wanted - OFFLINE - {""}))

    @property
    def platforms(self) -> tuple[str, ...]:
        """The CPE names of what it is for."""
        return tuple(
            one.get("idref", "")
            for benchmark in self._benchmarks.values()
            for one in benchmark.iterfind(f"{XCCDF}platform")
        )


def _short(name: str) -> str:
    return name.rpartition(PREFIX)[2]


def _first_choice(rule: Element) -> list[Element]:
    """The checks of a rule that oscap takes: those of OVAL if there are, else all; one in a complex check is one."""
    checks = list(rule.iter(f"{XCCDF}check"))
    return [one for one in checks if one.get("system") == OVAL_SYSTEM] or checks


class _Oval:
    """What refers to what among definitions, tests, objects, states and variables of OVAL."""

    def __init__(self, documents: Iterable[Element]) -> None:
        self._needs: dict[str, set[str]] = {}
        self._kind: dict[str, str] = {}
        self._known: dict[str, frozenset[str]] = {}
        for document in documents:
            for section in _ITEMS:
                for item in document.iterfind(f"{OVAL}{section}/*"):
                    self._take(item)

    def _take(self, item: Element) -> None:
        name = item.get("id", "")
        tag = item.tag.rpartition("}")[2]
        for ending in _KINDS:
            if tag.endswith(ending):
                self._kind[name] = tag.removesuffix(ending)
        self._needs.setdefault(name, set()).update(one for one in _named(item) if one != name)

    def kinds(self, name: str) -> frozenset[str]:
        """Return the kinds of all tests and objects that a definition leads to; ``""`` if it is not there."""
        if name not in self._needs:
            return frozenset([""])
        if name not in self._known:
            seen, todo = {name}, [name]
            while todo:
                new = self._needs.get(todo.pop(), set()) - seen
                seen |= new
                todo.extend(new)
            self._known[name] = frozenset(self._kind[one] for one in seen if one in self._kind)
        return self._known[name]


def _named(item: Element) -> Iterator[str]:
    """Yield the ids that an item of OVAL names: in attributes (``test_ref``) and as text (``object_reference``)."""
    for element in item.iter():
        for value in (*element.attrib.values(), (element.text or "").strip()):
            if value.startswith("oval:"):
                yield value
