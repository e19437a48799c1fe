"""Headers of tar archives: what they say, what they cannot say, and how much of them is read."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Mapping, Sequence

import pytest

from imgtools.errors import HostError
from imgtools.filesystems import tar_reader
from imgtools.filesystems.tar_reader import Member, parse_pax, read_members
from imgtools.records.files import DataPart
from tests.support.archives import END, GNU, binary, header, member, padded, pairs, pax_header, record


def read(*parts: bytes) -> Sequence[Member]:
    raw = b"".join(parts)
    return list(read_members(io.BytesIO(raw), len(raw)))


def one(*parts: bytes) -> Member:
    (found,) = read(*parts)
    return found


def test_what_a_header_says() -> None:
    found = one(
        member(
            "a/b",
            b"3",
            mode=0o104755,
            uid=1,
            gid=0o7654321,
            mtime=0o17777777777,
            target="t",
            major=4,
            minor=70,
        ),
        END,
    )
    assert found == Member(
        "a/b", b"3", 0o4755, 1, 0o7654321, 0o17777777777 * 10**9, 0, 512, "t", (4, 70), None, ()
    )


def test_contents_lie_behind_their_headers() -> None:
    found = read(
        member("a", content=b"x" * 513), member("b", b"5"), member("c", content=b"y" * 512), END, b"junk"
    )
    assert [(one.name, one.size, one.offset) for one in found] == [
        ("a", 513, 512),
        ("b", 0, 2048),
        ("c", 512, 2560),
    ]


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"5", b"6"])
def test_what_is_no_file_has_no_content(kind: bytes) -> None:
    """Though some programs write a size there."""
    found = read(header("a", kind, 5000), member("b"), END)
    assert [(one.name, one.size) for one in found] == [("a", 0), ("b", 0)]


@pytest.mark.parametrize("kind", [b"0", b"\0", b"7", b"Q", b"D"])
def test_whatever_else_has(kind: bytes) -> None:
    assert [one.size for one in read(member("a", kind, b"x" * 700), member("b"), END)] == [700, 0]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (b"5", "a", True), (b"D", "a", True), (b"0", "a/", True), (b"\0", "a/", True), (b"7", "a/", True),
        (b"0", "a", False), (b"2", "a/", False), (b"Q", "a/", False),
    ],
)  # fmt: skip
def test_what_is_a_directory(kind: bytes, name: str, expected: bool) -> None:
    assert one(member(name, kind)).is_directory is expected


def test_an_archive_ends_with_zeros_or_with_its_last_byte() -> None:
    assert [one.name for one in read(member("a"), bytes(512), member("b"))] == ["a"]
    assert [one.name for one in read(member("a"), member("b"))] == ["a", "b"]
    assert read() == read(END) == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"prefix": "p/q"}, "p/q/n"), ({"prefix": "p", "magic": GNU}, "n"), ({"prefix": "p", "magic": b""}, "n"),
        ({"prefix": b"p\0x"}, "p/n"), ({"magic": b"ustar\0  "}, "n"),
    ],
)  # fmt: skip
def test_a_name_may_be_in_two_pieces(fields: Mapping[str, bytes | str], name: str) -> None:
    assert one(member("n", **fields)).name == name


def test_long_names_of_gnu_tar() -> None:
    long, link = b"n" * 600 + b"\0rest", b"l" * 600 + b"\0"
    names = header("x", b"L", len(long)) + padded(long) + header("x", b"K", len(link)) + padded(link)
    first, second = read(names, member("a", b"2", target="short"), member("b", b"2", target="t"), END)
    assert (first.name, first.target) == ("n" * 600, "l" * 600)
    assert (second.name, second.target) == ("b", "t")
    assert one(names, pax_header({"path": "pax"}), member("a"), END).name == "pax"
    assert one(pax_header({"path": "pax"}), names, member("a"), END).name == "pax"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000017\0", 15), (b"     17 ", 15), (b"17\0abcde", 15), (b"17 junk\xff", 15), (bytes(8), 0), (b" " * 8, 0),
        (b"77777777", 0o77777777), (binary(0xFFFFFFFE, 8), 0xFFFFFFFE), (binary(5, 8), 5),
    ],
)  # fmt: skip
def test_numbers(field: bytes, value: int) -> None:
    assert one(member("a", uid=field)).uid == value


@pytest.mark.parametrize("field", [b"8\0", b"-1\0", b"0x10", b"1a\0", b"\x7f\0", b"+1\0"])
@pytest.mark.parametrize("which", ["mode", "uid", "gid", "mtime", "size"])
def test_what_is_no_number(which: str, field: bytes) -> None:
    with pytest.raises(HostError, match=rf"^a: its {which} is no number$"):
        read(member("a", **{which: field}), END)


@pytest.mark.parametrize(
    ("which", "field"),
    [
        ("uid", binary(-1, 8)), ("gid", binary(0xFFFFFFFF, 8)), ("uid", binary(1 << 40, 8)), ("size", binary(-1, 12)),
        ("size", binary(1 << 63, 12)), ("mtime", binary(1 << 63, 12)), ("mtime", binary(-(1 << 63) - 1, 12)),
    ],
)  # fmt: skip
def test_what_is_out_of_range(which: str, field: bytes) -> None:
    with pytest.raises(HostError, match=rf"^a: its {which} is out of range: -?[0-9]+$"):
        read(member("a", **{which: field}), END)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("uid", "-1", "its uid is no number: -1"), ("gid", "", ""), ("uid", "4294967295", "its uid is out of range"),
        ("uid", "4294967294", ""), ("gid", "1e3", "its gid is no number"), ("uid", "1" * 31, "its uid is no number"),
        ("size", "-5", "its size is no number"), ("size", "9" * 30, "its size is out of range"),
        ("size", "9223372036854775807", "the archive is cut"), ("size", "9223372036854775808", "out of range"),
        ("mtime", "nan", "its mtime is no time: nan"), ("mtime", "1e300", "its mtime is no time"),
        ("mtime", "inf", "no time"), ("mtime", ".5", "no time"), ("mtime", "", ""), ("mtime", "-", "no time"),
        ("mtime", "9223372036854775807", ""), ("mtime", "9223372036854775808", "its mtime is out of range"),
        ("mtime", "-9223372036854775808", ""), ("mtime", "-9223372036854775809", "out of range: -9223372036854775809"),
        ("path", "a\0b", "a member's name or target holds a NUL"),
        ("linkpath", "x\0y", "a: a member's name or target holds a NUL"),
    ],
)  # fmt: skip
def test_numbers_and_names_of_pax(key: str, value: str, problem: str) -> None:
    archive = (member("a", pax={key: value}), END)
    if problem:
        with pytest.raises(HostError) as caught:
            read(*archive)
        assert problem in caught.value.message
    else:
        read(*archive)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5_000_000_000), ("5.", 5_000_000_000), ("5.5", 5_500_000_000), ("1.123456789", 1_123_456_789),
        ("1.1234567899", 1_123_456_789), ("-1", -1_000_000_000), ("-1.5", -1_500_000_000), ("+2", 2_000_000_000),
        ("-0.0000000001", -1), ("-1.0000000000", -1_000_000_000), ("-1.00000000001", -1_000_000_001),
        ("0.000000001", 1),
    ],
)  # fmt: skip
def test_times_are_exact_and_cut_off_towards_the_past(text: str, expected: int) -> None:
    assert one(member("a", pax={"mtime": text}, mtime=77)).mtime == expected


def test_times_of_headers() -> None:
    assert one(member("a", mtime=binary(-5, 12))).mtime == -5_000_000_000
    assert one(member("a", mtime=77)).mtime == 77_000_000_000


def test_what_pax_says_goes_before_the_header() -> None:
    found = one(
        member(
            "a", b"2", pax={"path": "p", "linkpath": "l", "uid": "5", "gid": "6"}, uid=1, gid=2, target="t"
        ),
        END,
    )
    assert (found.name, found.target, found.uid, found.gid) == ("p", "l", 5, 6)
    assert one(member("a", content=b"12345", pax={"size": "3"}), END).size == 3


def test_what_is_said_for_all_and_taken_back() -> None:
    for_all = pax_header({"uid": "5", "mtime": "9", "SCHILY.xattr.user.a": "x"}, b"g")
    first, second, third = read(
        for_all,
        member("a", uid=1),
        member("b", uid=1, pax={"uid": "", "mtime": "3"}),
        member("c", pax={"gid": "7"}),
        END,
    )
    assert [(one.uid, one.mtime // 10**9) for one in (first, second, third)] == [(5, 9), (1, 3), (5, 9)]
    assert first.attributes == (("user.a", b"x"),) and third.gid == 7
    again = read(for_all, pax_header({"uid": "6"}, b"g"), member("a"), END)
    assert [(one.uid, one.mtime // 10**9) for one in again] == [(6, 9)]


def test_of_two_headers_for_one_member_the_last_counts() -> None:
    found = one(pax_header({"uid": "5"}), pax_header({"gid": "6"}, b"X"), member("a"), END)
    assert (found.uid, found.gid) == (0, 6)


def test_attributes_may_be_empty_and_of_any_bytes() -> None:
    found = one(
        member("a", pax={"SCHILY.xattr.user.a": "", "SCHILY.xattr.user.b": b"\0=\n\xff", "other": "x"}), END
    )
    assert found.attributes == (("user.a", b""), ("user.b", b"\0=\n\xff"))


def test_names_of_any_bytes() -> None:
    assert one(member(b"\xff\xfe")).name == "\udcff\udcfe"
    assert one(member("a", pax={"path": "grün"})).name == "grün"


@pytest.mark.parametrize(
    ("content", "at"),
    [
        (b"x", 0), (b"5 a=b", 0), (b"7 a=b\n", 0), (b"5 a=b\n", 0), (b"06 a=b\n", 0), (b"0 a=b\n", 0),
        (b"6 a=b\n\0", 6), (b"6 a=b\n6 abc\n", 6), (b"5 =b\n", 0), (b"99999999 a=b\n", 0), (b" 6 a=b\n", 0), (b"2 ", 0),
        (b"3 \n", 0), (b"6\ta=b\n", 0),
    ],
)  # fmt: skip
def test_damaged_extension_headers(content: bytes, at: int) -> None:
    with pytest.raises(HostError, match=rf"^a damaged extension header, at its byte {at}$"):
        parse_pax(content)


def test_records_of_pax() -> None:
    long = "x" * 2000
    assert parse_pax(b"") == {}
    assert parse_pax(record("a", "b") + record("a", "c") + record("key=", long)) == {
        "a": b"c",
        "key": b"=" + long.encode(),
    }
    assert parse_pax(b"6 a=b\n") == {"a": b"b"} and parse_pax(b"5 a=\n") == {"a": b""}
    sparse = [("GNU.sparse.offset", "1"), ("GNU.sparse.numbytes", "2"), ("GNU.sparse.offset", "3")]
    assert parse_pax(b"".join(record(*pair) for pair in sparse)) == {"GNU.sparse.map": b"1,2,3"}


@pytest.mark.parametrize("kind", [b"x", b"g", b"X", b"L", b"K"])
def test_extension_headers_are_read_up_to_a_mebibyte(kind: bytes) -> None:
    assert tar_reader.MOST_HEADER == 1 << 20
    for size in (binary(-1, 12), binary((1 << 20) + 1, 12), binary(3 << 30, 12)):
        with pytest.raises(
            HostError, match=r"^an extension header of -?[0-9]+ bytes at byte 0, more than 1048576$"
        ):
            read(header("x", kind, size), END)
    with pytest.raises(HostError, match=r"^the archive is cut, after 512 bytes$"):
        read(header("x", kind, 1 << 20))
    if kind in b"LK":
        read(header("x", kind, 1 << 20), b"n" * (1 << 20), member("a", b"2"), END)


def test_many_members_take_no_memory() -> None:
    raw = b"".join(member(f"n{number}", pax={"comment": "c" * 400}) for number in range(500))
    stream = io.BytesIO(raw)
    tracemalloc.start()
    for _ in read_members(stream, len(raw)):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200_000


# -- damage ------------------------------------------------------------------------------------------------


def test_what_is_no_header_is_no_end() -> None:
    for damaged in (
        b"\1" * 512,
        member("a")[:100] + b"x" + member("a")[101:],
        b"no archive".ljust(512, b"x"),
    ):
        with pytest.raises(HostError, match=r"no header at byte 512|its checksum is no number"):
            read(member("a"), damaged, member("b"))


def test_checksums_of_signed_bytes() -> None:
    raw = bytearray(member(b"\xff\xfe\x80a"))
    plain = raw[:148] + b" " * 8 + raw[156:]
    raw[148:156] = b"%06o\0 " % (sum(plain) - 3 * 256)
    assert one(bytes(raw)).name.endswith("a")
    raw[148:156] = b"%06o\0 " % (sum(plain) - 2 * 256)
    with pytest.raises(HostError, match=r"^no header at byte 0$"):
        read(bytes(raw))


def test_a_cut_archive() -> None:
    whole = member("a", content=b"x" * 600)
    assert one(whole[: 512 + 600]).size == 600
    with pytest.raises(HostError, match=r"^a: the archive is cut: its 600 bytes begin at byte 512 of 1111$"):
        read(whole[: 512 + 599])
    with pytest.raises(HostError, match=r"^the archive is cut, after 511 bytes$"):
        read(whole[:511])


def test_volumes() -> None:
    assert [one.name for one in read(member("label", b"V"), member("a"), END)] == ["a"]
    with pytest.raises(HostError, match=r"^a begins in the volume before this one$") as caught:
        read(member("a", b"M"), END)
    assert "several volumes" in caught.value.hint


def test_devices() -> None:
    assert one(member("a", b"3", major=0xFFF, minor=0xFFFFF)).device == (0xFFF, 0xFFFFF)
    assert one(member("a", b"4", major=1, minor=2)).device == (1, 2)
    assert one(member("a", b"0", major=1, minor=b"x")).device == (0, 0)
    for numbers in ({"major": 0x1000}, {"minor": 0x100000}, {"major": binary(-1, 8)}):
        with pytest.raises(HostError, match=r"^a: its device number is out of range: "):
            read(member("a", b"3", **{"major": 0, "minor": 0, **numbers}))  # type: ignore[arg-type]
    with pytest.raises(HostError, match=r"^a: its device is no number$"):
        read(member("a", b"3", major=b"x", minor=0))


# -- sparse files ------------------------------------------------------------------------------------------


def old(*numbers: int, size: int, stored: int, more: bytes = b"", extended: int = 0) -> bytes:
    raw = bytearray(header("s", b"S", stored, magic=GNU, map=pairs(*numbers), realsize=size))
    raw[482] = extended
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw) + more + padded(b"d" * stored)


def test_sparse_files_of_old() -> None:
    found, after = read(old(512, 600, 9000, 0, size=9000, stored=600), member("b"), END)
    assert (found.kind, found.size, found.parts, found.offset) == (b"0", 9000, (DataPart(512, 600),), 512)
    assert after.name == "b" and after.parts is None
    assert one(old(size=5, stored=0)).parts == ()


def test_maps_of_old_go_on_in_blocks() -> None:
    numbers = [number for at in range(30) for number in (at * 1024, 512)]
    more = pairs(*numbers[8:50]).ljust(504, b"\0") + b"\1" + bytes(7) + pairs(*numbers[50:]).ljust(512, b"\0")
    found, after = read(
        old(*numbers[:8], size=40_000, stored=30 * 512, more=more, extended=1), member("b"), END
    )
    assert found.parts == tuple(DataPart(at * 1024, 512) for at in range(30))
    assert found.offset == 3 * 512 and after.name == "b"


def pax_sparse(content: bytes, **keys: str) -> bytes:
    return member("x", content=content, pax={f"GNU.sparse.{key}": value for key, value in keys.items()})


def test_sparse_files_of_pax() -> None:
    found, after = read(pax_sparse(b"12345", name="s", size="99", map="10,2,50,3"), member("b"), END)
    assert (found.name, found.size, found.parts) == ("s", 99, (DataPart(10, 2), DataPart(50, 3)))
    assert after.name == "b"
    assert one(pax_sparse(b"", size="99", map="99,0")).parts == ()
    assert one(pax_sparse(b"", size="99")).parts == ()


def test_sparse_files_of_pax_with_the_map_before_the_content() -> None:
    keys = {"major": "1", "minor": "0", "name": "s", "realsize": "99"}
    found, after = read(pax_sparse(padded(b"2\n10\n2\n50\n3\n") + b"12345", **keys), member("b"), END)
    assert (found.name, found.size, found.parts) == ("s", 99, (DataPart(10, 2), DataPart(50, 3)))
    assert found.offset == 3 * 512 + 512 and after.name == "b"
    many = b"300\n" + b"".join(b"%d\n1\n" % (at * 2) for at in range(300))
    found, after = read(
        pax_sparse(padded(many) + b"d" * 300, **{**keys, "realsize": "1000"}), member("b"), END
    )
    assert found.parts is not None and len(found.parts) == 300 and after.name == "b"


@pytest.mark.parametrize(
    ("archive", "problem"),
    [
        (old(0, 512, size=9000, stored=600), "its map of holes does not fit its content"),
        (old(512, 600, 100, 10, size=9000, stored=610), "its map of holes is damaged"),
        (old(0, 600, size=599, stored=600), "its map of holes is damaged"),
        (old(0, 512, size=600, stored=512, extended=1), "its map is no number"),
        (pax_sparse(b"12", size="9", map="0,2,4"), "its map of holes is damaged"),
        (pax_sparse(b"12", size="9", map="0,x"), "its map is no number: x"),
        (pax_sparse(b"12", size="9", map="0,-2"), "its map is no number: -2"),
        (pax_sparse(b"12", size="-9", map="0,2"), "its sparse size is no number: -9"),
        (pax_sparse(b"12", map="0,2"), "its sparse size is no number"),
        (pax_sparse(b"12", size="9", map="0,3"), "does not fit its content"),
        (pax_sparse(b"12", size="9", major="2", minor="0"), "sparse format 2 is not known"),
        (pax_sparse(b"", size="9", major="1", minor="0"), "its map of holes is damaged"),
        (pax_sparse(padded(b"1\n0\n"), size="9", major="1", minor="0"), "its map of holes is damaged"),
        (pax_sparse(padded(b"x\n"), size="9", major="1", minor="0"), "its map is no number: x"),
        (pax_sparse(b"1" * 2048, size="9", major="1", minor="0"), "its map of holes is damaged"),
        (pax_sparse(padded(b"250001\n"), size="9", major="1", minor="0"), "more than 250000 pieces"),
    ],
)  # fmt: skip
def test_damaged_maps(archive: bytes, problem: str) -> None:
    with pytest.raises(HostError, match=problem) as caught:
        read(archive, END)
    assert caught.value.message.startswith(("s: ", "x: "))


def test_maps_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tar_reader.MOST_PARTS == 250_000
    monkeypatch.setattr(tar_reader, "MOST_PARTS", 3)
    pairs_of = [number for at in range(4) for number in (at * 2, 1)]
    for archive in (
        old(*pairs_of, size=99, stored=4),
        pax_sparse(b"d" * 4, size="99", map=",".join(map(str, pairs_of))),
        pax_sparse(padded(b"4\n") + b"d" * 4, size="99", major="1", minor="0"),
    ):
        with pytest.raises(HostError, match=r"its map of holes (has more than 3 pieces|is damaged)"):
            read(archive)
    assert len(one(old(*pairs_of[:6], size=99, stored=3)).parts or ()) == 3
    assert len(one(pax_sparse(b"ddd", size="99", map="0,1,2,1,4,1")).parts or ()) == 3
    assert (
        len(
            one(pax_sparse(padded(b"3\n0\n1\n2\n1\n4\n1\n") + b"ddd", size="9", major="1", minor="0")).parts
            or ()
        )
        == 3
    )


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_python_writes(format: int) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=format) as archive:
        info = tarfile.TarInfo("d/" * 40 + "name")
        info.mtime, info.uid, info.size = 5, 1000, 3
        archive.addfile(info, io.BytesIO(b"abc"))
    found = one(held.getvalue())
    assert (found.name, found.mtime, found.uid, found.size) == (info.name, 5 * 10**9, 1000, 3)
