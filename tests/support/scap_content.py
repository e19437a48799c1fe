"""A small SCAP data stream: one rule for each kind of question, and a profile of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

OVAL = "http://oval.mitre.org/XMLSchema/oval-definitions-5"
PROFILE = "xccdf_test_profile_all"


class Asks(NamedTuple):
    """What a rule asks: a test and an object of OVAL."""

    name: str
    kind: str
    family: str  # of OVAL: unix, linux, independent
    object: str
    platform: str = ""


def existing_file(name: str, path: str) -> Asks:
    return Asks(name, "file", "unix", f"<filepath>{path}</filepath>")


def line_in(name: str, path: str, pattern: str) -> Asks:
    return Asks(
        name,
        "textfilecontent54",
        "independent",
        f'<filepath>{path}</filepath><pattern operation="pattern match">{pattern}</pattern>'
        '<instance datatype="int" operation="greater than or equal">1</instance>',
    )


def package(name: str, called: str, kind: str = "dpkginfo") -> Asks:
    return Asks(name, kind, "linux", f"<name>{called}</name>")


def link(name: str, path: str) -> Asks:
    return Asks(name, "symlink", "unix", f"<filepath>{path}</filepath>")


def running_kernel(name: str) -> Asks:
    return Asks(name, "uname", "unix", "")


def for_another_system(name: str) -> Asks:
    return existing_file(name, "/etc/passwd")._replace(platform="cpe:/o:example:other:1")


def write_content(path: Path, rules: tuple[Asks, ...]) -> Path:
    """Write a data stream with these rules."""
    text = _STREAM.format(rules=_rules(rules), selects=_selects(rules), oval=_oval(rules))
    path.write_text(
        text.replace("><", ">\n<")
    )  # oscap passes over an element that stands right behind another
    return path


def _selects(rules: tuple[Asks, ...]) -> str:
    return "".join(f'<select idref="xccdf_test_rule_{one.name}" selected="true"/>' for one in rules)


def _rules(rules: tuple[Asks, ...]) -> str:
    return "".join(
        f'<Rule id="xccdf_test_rule_{one.name}" selected="false" severity="high">'
        f"<title>{one.name} is as wanted</title>"
        f'<reference href="https://example.org/">T.{number}</reference>'
        + (f'<platform idref="{one.platform}"/>' if one.platform else "")
        + f'<ident system="https://example.org/">ID-{number}</ident>'
        f'<check system="{OVAL}"><check-content-ref href="oval.xml" name="oval:t:def:{number}"/></check></Rule>'
        for number, one in enumerate(rules, 1)
    )


def _oval(rules: tuple[Asks, ...]) -> str:
    parts: dict[str, str] = {"definitions": "", "tests": "", "objects": ""}
    for number, one in enumerate(rules, 1):
        parts["definitions"] += (
            f'<definition class="compliance" id="oval:t:def:{number}" version="1"><metadata>'
            f"<title>{one.name}</title><description>{one.name}</description></metadata>"
            f'<criteria><criterion test_ref="oval:t:tst:{number}"/></criteria></definition>'
        )
        parts["tests"] += (
            f'<{one.kind}_test xmlns="{OVAL}#{one.family}" id="oval:t:tst:{number}" version="1" check="all"'
            f' check_existence="at_least_one_exists" comment="{one.name}">'
            f'<object object_ref="oval:t:obj:{number}"/></{one.kind}_test>'
        )
        parts["objects"] += (
            f'<{one.kind}_object xmlns="{OVAL}#{one.family}" id="oval:t:obj:{number}" version="1">'
            f"{one.object}</{one.kind}_object>"
        )
    return "".join(f"<{name}>{text}</{name}>" for name, text in parts.items())


_STREAM = """<?xml version="1.0"?>
<ds:data-stream-collection xmlns:ds="http://scap.nist.gov/schema/scap/source/1.2"
  xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:cat="urn:oasis:names:tc:entity:xmlns:xml:catalog"
  id="scap_test_collection_t" schematron-version="1.3">
 <ds:data-stream id="scap_test_datastream_t" scap-version="1.3" use-case="OTHER">
  <ds:checklists><ds:component-ref id="scap_test_cref_xccdf.xml" xlink:href="#scap_test_comp_xccdf.xml">
   <cat:catalog><cat:uri name="oval.xml" uri="#scap_test_cref_oval.xml"/></cat:catalog>
  </ds:component-ref></ds:checklists>
  <ds:checks><ds:component-ref id="scap_test_cref_oval.xml" xlink:href="#scap_test_comp_oval.xml"/></ds:checks>
 </ds:data-stream>
 <ds:component id="scap_test_comp_xccdf.xml" timestamp="2026-01-01T00:00:00">
  <Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="xccdf_test_benchmark_t" resolved="1">
   <status>draft</status><title>Test</title><description>Test</description><version>1</version>
   <Profile id="xccdf_test_profile_all"><title>All of it</title>{selects}</Profile>{rules}
  </Benchmark></ds:component>
 <ds:component id="scap_test_comp_oval.xml" timestamp="2026-01-01T00:00:00">
  <oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5"
    xmlns:oval="http://oval.mitre.org/XMLSchema/oval-common-5">
   <generator><oval:schema_version>5.11</oval:schema_version>
    <oval:timestamp>2026-01-01T00:00:00</oval:timestamp></generator>{oval}
  </oval_definitions></ds:component>
</ds:data-stream-collection>
"""
