"""imgtools virt: other programs' names, options and output, to the letter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imgtools.compat.programs import PROGRAMS
from imgtools.compat.text import columns, csv_field, human
from imgtools.compat.words import Option, Takes, idle, parse, refused, switch, valued
from imgtools.errors import UsageError
from tests.peers.cases import CASES, Case
from tests.support.command import imgtools
from tests.support.domains import disk_xml, domain_xml, libvirt_of
from tests.support.fixtures import fixture_disks, fixture_image

OPTIONS = (
    valued("--add", "-a"),
    Option(("--format",), Takes.MAYBE),
    switch("--long", "-l"),
    switch("--recursive", "-R"),
    switch("--times", "--time"),
    switch("--time-t"),
    idle("nothing is traced", "-x"),
    refused("imgtools virt", "--odd"),
)


@pytest.mark.parametrize(
    ("words", "given", "rest"),
    [
        (["-lR", "/"], [("--long", None), ("--recursive", None)], ["/"]),
        (["-afile", "-a", "other"], [("--add", "file"), ("--add", "other")], []),
        (["--add=file", "--add", "other"], [("--add", "file"), ("--add", "other")], []),
        (["/etc", "-l", "/var"], [("--long", None)], ["/etc", "/var"]),
        (["--format", "raw"], [("--format", None)], ["raw"]),
        (["--format=raw"], [("--format", "raw")], []),
        (["--rec"], [("--recursive", None)], []),
        (["--time"], [("--times", None)], []),
        (["-l", "--", "-l"], [("--long", None)], ["-l"]),
        (["-x", "-", "-l"], [("--long", None)], ["-"]),
    ],
)
def test_words_are_read_as_getopt_reads_them(
    words: list[str], given: list[tuple[str, str | None]], rest: list[str]
) -> None:
    parsed = parse("virt-ls", words, OPTIONS)
    assert [(one.name, one.value) for one in parsed.given] == given
    assert list(parsed.rest) == rest


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--nothing"], "unrecognized option '--nothing'"),
        (["-z"], "invalid option -- 'z'"),
        (["--long=1"], "option '--long' doesn't allow an argument"),
        (["-a"], "option '-a' requires an argument"),
        (["--add"], "option '--add' requires an argument"),
        (["--tim"], "option '--tim' is ambiguous"),
        (["--odd"], "--odd is not taken"),
    ],
)
def test_words_that_are_wrong(words: list[str], complaint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse("virt-ls", words, OPTIONS)
    assert raised.value.message == complaint
    assert raised.value.hint


def test_one_dash_where_the_program_takes_it() -> None:
    parsed = parse("virt-sysprep", ["-add", "file", "-l"], OPTIONS, single_dash=True)
    assert [(one.name, one.value) for one in parsed.given] == [("--add", "file"), ("--long", None)]


# What gnulib's human_readable prints (coreutils' numfmt and ls -h agree on these).
@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0"),
        (1023, "1023"),
        (1024, "1.0K"),
        (1536, "1.5K"),
        (10188, "9.9K"),
        (10189, "10K"),
        (10240, "10K"),
        (1048575, "1.0M"),
        (1073741824, "1.0G"),
        (1 << 63, "8.0E"),
    ],
)
def test_sizes_for_people(amount: int, shown: str) -> None:
    assert human(amount) == shown


def test_csv_is_quoted_where_the_peers_quote() -> None:
    assert [csv_field(text) for text in ("a", "a b", 'a"b', "a,b", "")] == [
        "a",
        '"a b"',
        '"a""b"',
        '"a,b"',
        "",
    ]


def test_columns_line_up_and_empty_ones_go() -> None:
    assert (
        columns([("Name", None, "X"), ("a", None, ""), ("longer", None, "y")])
        == "Name    X\na       -\nlonger  y\n"
    )
    assert columns([("a" * 50, "b" * 10, "c")]) == f"{'a' * 50} {'b' * 10} c\n"


# -- the programs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_every_option_of_the_peer_is_taken_or_refused(program: str) -> None:
    peer = shutil.which(program, path="/usr/bin")
    assert peer is not None
    for list_of in ("--long-options", "--short-options"):
        theirs = subprocess.run([peer, list_of], capture_output=True, text=True, check=False).stdout.split()
        ours = imgtools("virt", program, list_of).out.split()
        assert not set(theirs) - set(ours), "an option of the peer that is neither taken nor refused"


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_help_and_version(program: str) -> None:
    said = imgtools("virt", program, "--help").out
    assert said.startswith(f"{program}: imgtools in the place of {program} 1.48.2")
    assert imgtools("virt", program, "--version").out.split()[:2] == [program, "1.48.2"]
    assert imgtools("virt", program.removeprefix("virt-"), "--version").out.startswith(program)


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_a_wrong_option_is_one_line_and_exit_code_1(program: str) -> None:
    ran = imgtools("virt", program, "--nothing-like-it", code=1)
    assert ran.out == ""
    assert ran.err.splitlines()[0] == f"{program}: unrecognized option '--nothing-like-it'"


def test_an_unknown_program_is_named() -> None:
    ran = imgtools("virt", "virt-nothing", code=2)
    assert "no such program: virt-nothing" in ran.err
    assert "virt-cat" in ran.err


def test_without_a_program_it_lists_them() -> None:
    listed = [line.split("\t")[0] for line in imgtools("virt").out.splitlines()[1:]]
    assert listed == list(PROGRAMS)
    assert imgtools("virt", "--json").data == {"programs": list(PROGRAMS), "links": []}


@pytest.mark.parametrize("case", [one for one in CASES if one.golden.exists()], ids=lambda case: case.name)
def test_the_answer_is_the_peers_to_the_letter(case: Case) -> None:
    code, _, wanted = case.golden.read_bytes().partition(b"\n")
    disks = tuple(disk for name in case.fixtures for disk in fixture_disks(name))
    ran = imgtools("virt", case.program, *case.argv(disks), code=int(code))
    text = wanted.decode("utf-8", "surrogateescape")
    for wrong, right in case.mended:
        assert wrong in text
        text = text.replace(wrong, right)
    assert case.comparable(ran.out) == case.comparable(text)


# -- which image --------------------------------------------------------------------------------------------


def test_format_stands_before_the_image() -> None:
    image = fixture_image("debian")
    ran = imgtools("virt", "virt-cat", "-a", image, "--format=qcow2", "/etc/hostname", code=1)
    assert ran.err.splitlines()[0] == "virt-cat: --format parameter must appear before -a parameter"
    assert (
        imgtools("virt", "virt-cat", "--format=qcow2", "-a", image, "/etc/hostname").out == "debian-fixture\n"
    )
    assert imgtools("virt", "virt-cat", "--format=raw", "-a", image, "/etc/hostname", code=1).out == ""


def test_the_old_way_names_images_without_an_option() -> None:
    image = fixture_image("debian")
    assert imgtools("virt", "virt-cat", image, "/etc/hostname").out == "debian-fixture\n"
    assert imgtools("virt", "virt-ls", image, "/home").out == "alice\nbob\n"
    assert imgtools("virt", "virt-df", image).out == imgtools("virt", "virt-df", "-a", image).out


def test_no_image_is_an_error() -> None:
    for program, words in (("virt-cat", ["/etc/fstab"]), ("virt-ls", ["/"]), ("virt-filesystems", [])):
        ran = imgtools("virt", program, *words, code=1)
        assert ran.err.splitlines()[0] == f"{program}: you must specify at least one -a or -d option"


def test_flags_that_do_not_go_together() -> None:
    image = fixture_image("debian")
    for program in ("virt-df", "virt-filesystems"):
        assert "-h and --csv" in imgtools("virt", program, "-h", "--csv", "-a", image, code=1).err
    assert "-lR mode" in imgtools("virt", "virt-ls", "--csv", "-a", image, "/", code=1).err


def test_a_guest_whose_disk_is_gone_is_passed_over(tmp_path: Path) -> None:
    debian = fixture_image("debian")
    parts = [
        domain_xml("gone", disk_xml("/nowhere/x.qcow2", "vda")),
        domain_xml("here", disk_xml(debian, "vda")),
    ]
    ran = imgtools("virt", "virt-df", "-c", libvirt_of(tmp_path, parts))
    assert "here:/dev/sda3" in ran.out and "virt-df: gone: " in ran.err


# -- links --------------------------------------------------------------------------------------------------


def test_links_are_those_programs(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "imgtools"
    subprocess.run([script, "virt", "--install", tmp_path], check=True, capture_output=True)
    assert sorted(place.name for place in tmp_path.iterdir()) == sorted(PROGRAMS)
    words = ["virt-cat", "-a", fixture_image("debian"), "/etc/hostname"]
    env = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert subprocess.run(words, env=env, capture_output=True, check=True).stdout == b"debian-fixture\n"
    subprocess.run([script, "virt", "--install", tmp_path], check=True, capture_output=True)  # again: no harm


def test_a_link_takes_no_files_place(tmp_path: Path) -> None:
    (tmp_path / "virt-ls").write_text("mine")
    ran = imgtools("virt", "--install", tmp_path, code=15)
    assert "virt-ls is there already" in ran.err
    assert [place.name for place in tmp_path.iterdir()] == ["virt-ls"]
    assert "is no folder" in imgtools("virt", "--install", tmp_path / "none", code=3).err
