"""fstab in all its spellings, mount units, and lines that no one can read."""

from __future__ import annotations

import pytest

from imgtools.guest.find.fstab import (
    FSTAB_LIMIT,
    MAX_ENTRIES,
    MAX_LINE,
    UNITS,
    Fstab,
    parse_fstab,
    parse_mount_unit,
    read_fstab,
    read_mount_units,
    unescape,
    unquote_spec,
)
from imgtools.records.system import Warned
from tests.support.memory import Content, directory, link, memory_files


@pytest.mark.parametrize(
    ("line", "spec", "path"),
    [
        ("UUID=0a-1 / ext4 defaults 0 1", "UUID=0a-1", "/"),
        ('UUID="0a-1"\t/\text4', "UUID=0a-1", "/"),
        ("LABEL='my root' / ext4", "LABEL=my root", "/"),
        ('"LABEL=root" / ext4', "LABEL=root", "/"),
        (r"LABEL=my\040root /mnt/a\040b\134c ext4", "LABEL=my root", "/mnt/a b\\c"),
        ("/dev/sda1 /boot// ext2", "/dev/sda1", "/boot"),
        ("  /dev/sda1   /x/../boot ext2  # later", "/dev/sda1", "/boot"),
        ("LABEL=bob's /srv xfs", "LABEL=bob's", "/srv"),
        ("\ufeffUUID=0a-1 / ext4\r", "UUID=0a-1", "/"),
        ("UUID=0a-1 /", "UUID=0a-1", "/"),
        (r"/dev/sda1 /b\303\244r ext4", "/dev/sda1", "/bär"),
    ],
)
def test_every_spelling_of_a_line(line: str, spec: str, path: str) -> None:
    (entry,) = parse_fstab(line).entries
    assert (entry.spec, entry.path, entry.on_a_device) == (spec, path, True)


@pytest.mark.parametrize(
    "line",
    [
        "proc /proc proc defaults 0 0",
        "UUID=1 none swap sw 0 0",
        "/home/data /srv/data none bind 0 0",
        "/dev/sda5 /srv auto rbind",
        "server:/export /mnt nfs defaults",
        "//server/share /mnt cifs user=a",
        "/images/a.iso /mnt iso9660 loop,ro 0 0",
        "tmpfs /tmp tmpfs size=1G",
        "overlay /x overlay lowerdir=/a,upperdir=/b",
        "UUID=1 swap swap defaults",
    ],
)
def test_what_is_no_volume_of_the_image_is_passed_over(line: str) -> None:
    assert not any(entry.on_a_device for entry in parse_fstab(line).entries)


def test_one_odd_line_costs_only_itself() -> None:
    text = "UUID=1 / ext4\nthis-is-garbage\n" + "x" * 5000 + " /y ext4\n\0\0\0\nUUID=2 /home ext4\n"
    found = parse_fstab(text)
    assert [entry.path for entry in found.entries] == ["/", "/home"]
    assert [warning.text.split(" does")[0] for warning in found.warnings] == ["line 2", "line 3"]


def test_a_huge_fstab_is_a_warning_and_many_lines_have_an_end() -> None:
    huge = read_fstab(memory_files({"/etc/fstab": "#" * (1 << 21)}))
    assert huge.entries == () and "larger than" in huge.warnings[0].text
    many = parse_fstab("UUID=1 /x ext4\n" * 50_000)
    assert len(many.entries) == 1000 and "more than 1000" in many.warnings[-1].text


def test_options_are_read_as_mount_reads_them() -> None:
    (entry,) = parse_fstab("UUID=1 /home btrfs rw,subvol=@home,nofail 0 0").entries
    assert (entry.option("subvol"), entry.option("rw"), entry.option("ro")) == ("@home", "", None)
    assert entry.may_be_missing


def test_a_mount_unit_counts_only_if_something_wants_it() -> None:
    unit = "[Unit]\nDescription=x\n\n[Mount]\nWhat=/dev/disk/by-label/data\nWhere=/data\nType=xfs\n"
    wanted = "/etc/systemd/system/local-fs.target.wants/data.mount"
    files = {"/etc/systemd/system/data.mount": unit, "/etc/systemd/system/other.mount": unit}
    assert read_mount_units(memory_files(files)) == ()
    (entry,) = read_mount_units(memory_files({**files, wanted: link("../data.mount")}))
    assert (entry.spec, entry.path, entry.type) == ("/dev/disk/by-label/data", "/data", "xfs")
    assert parse_mount_unit("[Mount]\nWhat=/dev/sda1\n") is None


# -- at the boundaries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"\377", "\udcff"),
        (r"\400", r"\400"),
        (r"\777", r"\777"),
        (r"\04", r"\04"),
        (r"\0409", " 9"),
        (r"\xyz", r"\xyz"),
        ("\udcff\\040", "\udcff "),
    ],
)
def test_an_escape_is_one_byte_in_octal(text: str, meant: str) -> None:
    assert unescape(text) == meant


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("''", ""),
        ('"', '"'),
        ("'UUID=1\"", "'UUID=1\""),
        ('LABEL=""', "LABEL="),
        ("LABEL='", "LABEL='"),
        ("LABEL='a\"", "LABEL='a\""),
        ("LABEL='a'b=c'", "LABEL=a'b=c"),
        ("/dev/sda1", "/dev/sda1"),
    ],
)
def test_quotes_are_taken_away_in_pairs(spec: str, meant: str) -> None:
    assert unquote_spec(spec) == meant


def test_a_line_has_a_longest_length() -> None:
    """What mount would not read is not half read: the end of a line holds its options."""
    start = "UUID=1 / ext4 "
    longest = start + "o" * (MAX_LINE - len(start))
    (entry,) = parse_fstab(f"  {longest}\t\n").entries
    assert len(entry.options) == MAX_LINE - len(start)
    found = parse_fstab(f"{longest}o\n")
    assert found.entries == () and found.warnings == (
        Warned("line 1 does not parse and is ignored", "/etc/fstab"),
    )


def test_as_many_lines_as_may_be_are_read_without_a_word() -> None:
    full = parse_fstab("UUID=1 /x ext4\n" * MAX_ENTRIES + "# the end\n", "/other")
    assert (len(full.entries), full.entries[-1].line, full.warnings) == (MAX_ENTRIES, MAX_ENTRIES, ())
    (warning,) = parse_fstab("UUID=1 /x ext4\n" * (MAX_ENTRIES + 2), "/other").warnings
    assert warning == Warned("line 1001: more than 1000 entries, the rest is ignored", "/other")


def test_only_a_number_sign_begins_a_comment() -> None:
    found = parse_fstab("# UUID=1 / ext4\n;UUID=2 /srv ext4\n\n \0\n")
    assert [(entry.spec, entry.line) for entry in found.entries] == [(";UUID=2", 2)] and not found.warnings


def test_what_a_line_does_not_say_is_what_mount_takes() -> None:
    (entry,) = parse_fstab("UUID=1 /srv").entries
    assert (entry.type, entry.options, entry.line) == ("auto", "defaults", 1)
    (entry,) = parse_fstab(r"UUID=1 /srv ext4 a\040b,x-1=2=3").entries
    assert (entry.type, entry.options, entry.option("x-1")) == ("ext4", "a b,x-1=2=3", "2=3")


@pytest.mark.parametrize("where", ["none", "srv/data", ".", "swap"])
def test_a_mount_point_that_is_not_absolute_is_none(where: str) -> None:
    (entry,) = parse_fstab(f"UUID=1 {where} ext4").entries
    assert (entry.path, entry.on_a_device) == (where, False)


@pytest.mark.parametrize(
    ("options", "missing"),
    [("defaults", False), ("nofail", True), ("ro,noauto", True), ("auto", False), ("x-nofail", False)],
)
def test_who_may_be_missing(options: str, missing: bool) -> None:
    (entry,) = parse_fstab(f"UUID=1 /srv ext4 {options}").entries
    assert entry.may_be_missing is missing


def test_a_file_as_large_as_it_may_be_is_read() -> None:
    line = "UUID=1 / ext4\n"
    full = line + "#" * (FSTAB_LIMIT - len(line))
    assert [entry.path for entry in read_fstab(memory_files({"/etc/fstab": full})).entries] == ["/"]
    beyond = read_fstab(memory_files({"/etc/fstab": full + "#"}))
    assert beyond.warnings == (Warned(f"larger than {FSTAB_LIMIT} bytes, ignored", "/etc/fstab"),)
    assert read_fstab(memory_files({})) == read_fstab(memory_files({"/etc/fstab": directory()})) == Fstab()


# -- mount units ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("[Mount]\nWhat=/dev/a\nWhere=/a", ("/dev/a", "/a", "auto", "defaults")),
        ("[Mount]\nWhat=/dev/a\n;What=/dev/b\n#Where=/b\nWhere=/a", ("/dev/a", "/a", "auto", "defaults")),
        (
            " [Mount] \n What = UUID=1 \nWhere=/a/../b\nType=xfs\nOptions=ro,x=y",
            ("UUID=1", "/b", "xfs", "ro,x=y"),
        ),
        ("[Mount]\nWhat=/dev/a\nWhere=/a\nType=\nOptions=\n", ("/dev/a", "/a", "auto", "defaults")),
        ("[Mount]\nWhat=/dev/a\nWhere=/a\n[Install]\nWhat=/dev/b\n", ("/dev/a", "/a", "auto", "defaults")),
        ("[Mount]\n=\nWhat=/dev/a\nWhere=/a\nno more", ("/dev/a", "/a", "auto", "defaults")),
        ("[Mount]\nWhat=/dev/a\nWhere=/a\n[Mount\nWhat=/dev/b", ("/dev/b", "/a", "auto", "defaults")),
        ("What=/dev/a\nWhere=/a", None),
        ("[Unit]\nWhat=/dev/a\nWhere=/a", None),
        ("[Mount]\nWhat=/dev/a\nWhere=a", None),
        ("[Mount]\nWhere=/a", None),
        ("[Mount]\nWhat=\nWhere=/a", None),
        ("", None),
    ],
)
def test_a_unit_says_what_it_mounts_in_its_section(
    lines: str, found: tuple[str, str, str, str] | None
) -> None:
    entry = parse_mount_unit(lines)
    assert (entry and (entry.spec, entry.path, entry.type, entry.options)) == found


def test_units_are_wanted_or_required_by_a_folder() -> None:
    def unit(name: str) -> str:
        return f"[Mount]\nWhat=/dev/{name}\nWhere=/{name}\n"

    files: dict[str, Content] = {f"{UNITS}/{name}.mount": unit(name) for name in "abcd"}
    files[f"{UNITS}/x.target.wants/a.mount"] = link("../a.mount")
    files[f"{UNITS}/x.target.requires/b.mount"] = link("../b.mount")
    files[f"{UNITS}/x.target.d/c.mount"] = ""
    files[f"{UNITS}/y.wants"] = "no folder"
    files[f"{UNITS}/x.target.wants/d.mount"] = ""
    files[f"{UNITS}/d.mount"] = unit("d") + "#" * FSTAB_LIMIT
    files[f"{UNITS}/x.target.wants/e.mount"] = ""
    files[f"{UNITS}/e.mount"] = "[Mount]\nWhat=/dev/e\n"
    files[f"{UNITS}/x.target.wants/f.mount"] = ""
    files[f"{UNITS}/f.mount"] = directory()
    files[f"{UNITS}/x.target.wants/a.service"] = ""
    files[f"{UNITS}/a.service"] = unit("service")
    assert [entry.path for entry in read_mount_units(memory_files(files))] == ["/a", "/b"]
    full = unit("d") + "#" * (FSTAB_LIMIT - len(unit("d")))
    found = read_mount_units(memory_files({**files, f"{UNITS}/d.mount": full}))
    assert [entry.path for entry in found] == ["/a", "/b", "/d"]
    assert read_mount_units(memory_files({})) == read_mount_units(memory_files({f"{UNITS}/x": ""})) == ()
