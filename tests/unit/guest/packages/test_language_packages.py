"""Packages of languages on a guest's disk: what is found, and that a damaged or hostile one costs only itself."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.packages import jars, language_packages
from imgtools.guest.packages.language_packages import LanguagePackages, find_language_packages
from imgtools.records.components import Component, ComponentKind
from tests.support.built_programs import SIZE, elf, go_information, old_go_program, pe, rust_information
from tests.support.memory import Content, Node, directory, memory_files


def found(files: Mapping[str, Content]) -> LanguagePackages:
    return find_language_packages(memory_files(dict(files)))


def only(files: Mapping[str, Content]) -> Component:
    (one,) = found(files).components
    return one


def program(content: bytes) -> Node:
    return Node(content=content, mode=0o755)


METADATA = """\
Metadata-Version: 2.1
Name: Flask_Login
Version: 0.6.2
Summary: User session management
Home-page: https://example.org/flask-login
License: MIT
Classifier: License :: OSI Approved :: BSD License

Name: not-a-header
"""


@pytest.mark.parametrize(
    "path",
    [
        "/usr/local/lib/python3.11/dist-packages/flask_login-0.6.2.dist-info/METADATA",
        "/srv/app/.venv/lib/python3.12/site-packages/Flask_Login-0.6.2.egg-info/PKG-INFO",
        "/opt/x/Flask_Login-0.6.2.egg-info",
        "/opt/x/Flask_Login-0.6.2-py3.11.egg/EGG-INFO/PKG-INFO",
    ],
)
def test_python(path: str) -> None:
    one = only({path: METADATA})
    assert (one.kind, one.name, one.version) == (ComponentKind.PYTHON, "Flask_Login", "0.6.2")
    assert one.purl == "pkg:pypi/flask-login@0.6.2"
    assert one.licenses == ("MIT",) and one.summary == "User session management"
    assert path.startswith(one.paths[0])


def test_python_licences_also_by_classifier_and_by_expression() -> None:
    plain = METADATA.replace("License: MIT\n", "")
    assert only({"/a.egg-info": plain}).licenses == ("BSD License",)
    newer = plain.replace("Name: F", "License-Expression: MIT OR Apache-2.0\nName: F")
    assert only({"/a.egg-info": newer}).licenses == ("MIT OR Apache-2.0",)


def test_npm_packages_and_not_their_folders() -> None:
    facts = json.dumps({"name": "@babel/core", "version": "7.1.0", "license": {"type": "MIT"}})
    report = found(
        {
            "/srv/app/node_modules/@babel/core/package.json": facts,
            "/srv/app/node_modules/@babel/core/node_modules/semver/package.json": '{"name":"semver","version":"5.7.1"}',
            "/srv/app/node_modules/@babel/core/lib/package.json": '{"name":"inner","version":"1.0"}',
            "/srv/app/node_modules/x/cjs/package.json": '{"type":"commonjs"}',
            "/srv/app/package.json": '{"name":"app","version":"1.0"}',
            "/usr/share/nodejs/ms/package.json": '{"name":"ms","version":"2.1.3"}',
        }
    )
    assert [one.purl for one in report.components] == [
        "pkg:npm/%40babel/core@7.1.0",
        "pkg:npm/ms@2.1.3",
        "pkg:npm/semver@5.7.1",
    ]
    assert report.components[0].licenses == ("MIT",)


def test_one_package_in_several_places_is_one() -> None:
    facts = '{"name":"ms","version":"2.1.3"}'
    one = only({f"/srv/{name}/node_modules/ms/package.json": facts for name in ("a", "b")})
    assert one.paths == ("/srv/a/node_modules/ms/package.json", "/srv/b/node_modules/ms/package.json")


def test_gems() -> None:
    text = """# -*- encoding: utf-8 -*-
Gem::Specification.new do |s|
  s.name = "nokogiri".freeze
  s.version = "1.15.4"
  s.platform = "x86_64-linux".freeze
  s.licenses = ["MIT".freeze]
  s.homepage = "https://nokogiri.org".freeze
end
"""
    one = only({"/var/lib/gems/3.1.0/specifications/nokogiri-1.15.4.gemspec": text})
    assert one.purl == "pkg:gem/nokogiri@1.15.4?platform=x86_64-linux" and one.licenses == ("MIT",)
    # What stands in a gem's own sources says nothing of what is installed.
    assert not found({"/var/lib/gems/3.1.0/gems/x/x.gemspec": text}).components


def test_dotnet() -> None:
    facts = {
        "libraries": {
            "MyApp/1.0.0": {"type": "project"},
            "Newtonsoft.Json/13.0.1": {"type": "package"},
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1": {"type": "runtimepack"},
        }
    }
    names = [one.purl for one in found({"/srv/app/MyApp.deps.json": json.dumps(facts)}).components]
    assert names == [
        "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@8.0.1",
        "pkg:nuget/Newtonsoft.Json@13.0.1",
    ]


# -- programs --------------------------------------------------------------------------------------------------

MODULES = (
    "path\texample.com/cmd/app",
    "mod\texample.com/app\t(devel)\t",
    "dep\tgolang.org/x/net\tv0.17.0\th1:abc=",
    "dep\tgithub.com/old/name\tv1.0.0",
    "=>\tgithub.com/new/name\tv1.0.1\th1:def=",
    "build\tCGO_ENABLED=0",
)
GO = [
    ("example.com/app", ""),
    ("github.com/new/name", "v1.0.1"),
    ("golang.org/x/net", "v0.17.0"),
    ("stdlib", "1.21.3"),
]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/usr/local/bin/app", elf({".go.buildinfo": (go_information("go1.21.3", MODULES), 0x1000)})),
        ("/usr/local/bin/app", old_go_program("go1.21.3", MODULES)),
        ("/opt/app.exe", pe({".text": b"x", ".data": bytes(32) + go_information("go1.21.3", MODULES)})),
    ],
)
def test_go(path: str, content: bytes) -> None:
    components = found({path: program(content)}).components
    assert [(one.name, one.version) for one in components] == GO
    assert {one.paths for one in components} == {(path,)}


def test_rust() -> None:
    information = rust_information(
        [
            {"name": "app", "version": "0.1.0", "source": "local", "root": True},
            {"name": "serde", "version": "1.0.190", "source": "crates.io"},
            {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
        ]
    )
    components = found({"/usr/local/bin/app": program(elf({".dep-v0": (information, 0)}))}).components
    assert [one.purl for one in components] == ["pkg:cargo/app@0.1.0", "pkg:cargo/serde@1.0.190"]


def test_what_is_no_program_is_not_opened() -> None:
    content = elf({".go.buildinfo": (go_information("go1.21.3", MODULES), 0)})
    assert not found({"/home/a/app": content}).components  # not executable
    assert not found({"/usr/bin/app": program(content[:100_000])}).components  # smaller than any


# -- archives --------------------------------------------------------------------------------------------------


def jar(entries: Mapping[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


POM = "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties"
LOG4J = jar({POM: "#x\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n"})
LOG4J_PURL = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"


def test_jar_by_its_properties_also_in_another_archive() -> None:
    war = jar({"WEB-INF/lib/log4j-core-2.14.1.jar": LOG4J, "META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"})
    one = only({"/opt/tomcat/webapps/app.war": war})
    assert one.purl == LOG4J_PURL
    assert one.paths == ("/opt/tomcat/webapps/app.war!/WEB-INF/lib/log4j-core-2.14.1.jar",)


def test_jar_by_its_manifest_and_name() -> None:
    manifest = "Manifest-Version: 1.0\r\nBundle-SymbolicName: com.exam\r\n ple.tool;singleton:=true\r\n\r\nName: x\r\n"
    one = only({"/opt/tool-1.2.jar": jar({"META-INF/MANIFEST.MF": manifest})})
    assert (one.name, one.version, one.purl) == ("com.example:tool", "1.2", "pkg:maven/com.example/tool@1.2")
    assert not found({"/opt/nameless.jar": jar({"x": ""})}).components


def test_archives_in_archives_have_a_bottom() -> None:
    deep = LOG4J
    for _ in range(6):
        deep = jar({"a-1.jar": deep})
    report = found({"/opt/deep.jar": deep})
    assert not [one for one in report.components if one.purl] and "archives" in report.warnings[0].text


def test_a_bomb_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "MOST_INNER", 1 << 16)
    monkeypatch.setattr(jars, "MOST_TEXT", 1 << 10)
    large = jar({"inner-1.jar": bytes(1 << 20)})
    long = jar({POM: "x" * 5000})
    report = found({"/opt/a.jar": large, "/opt/b.jar": long, "/opt/c.jar": LOG4J})
    assert [one.purl for one in report.components] == [LOG4J_PURL]
    assert sorted(one.path for one in report.warnings) == ["/opt/a.jar", "/opt/b.jar"]


# -- hostile ---------------------------------------------------------------------------------------------------

BROKEN: dict[str, Content] = {
    "/opt/a.jar": b"PK\x05\x06 no archive",
    "/opt/b.jar": LOG4J[:-40],
    "/opt/bad.egg-info": "no headers at all",
    "/srv/node_modules/x/package.json": "[" * 100_000,
    "/srv/node_modules/y/package.json": "[]",
    "/var/lib/gems/specifications/x-1.gemspec": "exec('rm -rf /')",
    "/srv/app.deps.json": "{",
    "/usr/bin/rust": program(elf({".dep-v0": (b"not zlib", 0)})),
    "/usr/bin/bomb": program(elf({".dep-v0": (zlib.compress(bytes(20 << 20)), 0)})),
}


@pytest.mark.parametrize("path", BROKEN)
def test_a_damaged_file_is_a_warning_and_the_others_are_found(path: str) -> None:
    report = found({path: BROKEN[path], "/opt/log4j.jar": LOG4J})
    assert [one.purl for one in report.components] == [LOG4J_PURL]
    assert [one.path for one in report.warnings] == [path]


@pytest.mark.parametrize(
    "content",
    [
        b"\x7fELF" + b"\xff" * SIZE,
        b"MZ" + b"\xff" * SIZE,
        elf({".go.buildinfo": (b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + b"\xff" * 100, 0)}),
        elf({".go.buildinfo": (b"\xff Go buildinf:\xff\x00" + b"\xff" * 16, 0)}),
        elf({".go.buildinfo": (b"\xff Go buildinf:\x08\x00" + b"\xff" * 16, 0)}),
    ],
)
def test_hostile_programs_say_nothing(content: bytes) -> None:
    report = found({"/usr/bin/x": program(content)})
    assert not report.components and not report.warnings


def test_folders_without_an_end_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_packages, "DEEPEST", 5)
    assert not found({"/" + "d/" * 50 + "x.jar": LOG4J}).components
    monkeypatch.setattr(language_packages, "MOST_ENTRIES", 3)
    with pytest.raises(OddGuest, match="more than 3 files"):
        found({f"/opt/{name}": "" for name in "abcdef"})


def test_containers_are_named_and_not_entered() -> None:
    report = found(
        {
            "/var/lib/docker/overlay2/x/diff/app.jar": LOG4J,
            "/var/lib/containerd": directory(),
            "/usr/share/doc/x/examples/x.jar": LOG4J,
        }
    )
    assert not report.components
    assert [one.path for one in report.warnings] == ["/var/lib/docker"]
