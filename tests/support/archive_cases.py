"""Archives that a contract test unpacks: what programs write, and what they would not."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.archives import END, GNU, binary, header, member, padded, pairs, pax_header, record

Case = tuple[str, list[bytes]]  # its name, and archives that are unpacked one after the other
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
HARD, SOFT, DIRECTORY, FIFO = b"1", b"2", b"5", b"6"
SPARSE_SIZES = {"empty": 0, "hole": 50_000_000, "small": 3_000_000, "odd": 7_654_321}


def all_cases(folder: Path) -> Iterator[Case]:
    """Every case; ``folder`` is for the files that GNU tar packs."""
    for name, format in FORMATS.items():
        for what, archive in _by_python(format):
            yield f"python-{name}-{what}", [archive]
    for what, archive in _by_gnu_tar(folder):
        yield f"tar-{what}", [archive]
    for what, value in PAX.items():
        yield f"pax-{what}", [member("a", content=b"abc", pax={what: value}, uid=7, mtime=77) + END]
    for what, parts in _by_hand().items():
        yield f"hand-{what}", [part + END for part in parts]


def info(name: str, kind: bytes = b"0", **facts: object) -> tarfile.TarInfo:
    """A member for Python's tarfile."""
    found = tarfile.TarInfo(name)
    found.type, found.mode, found.mtime = kind, 0o755 if kind == DIRECTORY else 0o644, 1_000_000_000
    for fact, value in facts.items():
        setattr(found, fact, value)
    return found


def _packed(format: int, *members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=format, errors="surrogateescape") as archive:
        for one, content in members:
            one.size = len(content)
            archive.addfile(one, io.BytesIO(content))
    return held.getvalue()


def _by_python(format: int) -> Iterator[tuple[str, bytes]]:
    for size in (0, 1, 511, 512, 513, 10_239, 10_240, 70_000, 3_000_000):
        after = (info("after"), b"after")
        yield f"size-{size}", _packed(format, (info("a"), os.urandom(size)), after)
    for length in (99, 100, 101, 150, 255):
        if length < 101 or format != tarfile.USTAR_FORMAT:
            yield f"name-{length}", _packed(format, (info("n" * length), b"x"))
            yield f"target-{length}", _packed(format, (info("l", SOFT, linkname="t" * length), b""))
    yield "deep", _packed(format, (info("/".join(["directory" * 3] * 8)), b"x"))
    for name in ("sp ace", "new\nline", "back\\slash", "-dash", "grün", "\udcff\udcfe", "a\tb", "*", "..."):
        yield f"name-{name!r}", _packed(format, (info(name), b"x"))
    for kind, what in ((b"2", "soft"), (b"3", "char"), (b"4", "block"), (b"5", "folder"), (b"6", "fifo")):
        for mode in (0, 0o600, 0o7777, 0o4711):
            facts = {"mode": mode, "uid": 12, "gid": 34, "devmajor": 4, "devminor": 77, "linkname": "x/y"}
            yield f"{what}-{mode:o}", _packed(format, (info("it", kind, **facts), b""))
    for owner in (
        1,
        65_534,
        65_536,
        2_097_151,
        *((4_294_967_294,) if format != tarfile.USTAR_FORMAT else ()),
    ):
        yield f"owner-{owner}", _packed(format, (info("a", uid=owner, gid=owner, uname="games"), b""))
    for time in (0, 1, 2**31 - 1, *((-1, -(2**31)) if format != tarfile.USTAR_FORMAT else ())):
        yield (
            f"time-{time}",
            _packed(format, (info("a", mtime=time), b""), (info("d", DIRECTORY, mtime=time), b"")),
        )
    for text in ("x", "./x", "a//b", "a/./b", "/absolute", "//double"):
        yield f"path-{text!r}", _packed(format, (info(text), b"x"))


PAX: Mapping[str, str] = {
    "path": "other/name", "size": "3", "uid": "123456", "gid": "4294967294", "uname": "root", "gname": "games",
    "linkpath": "nothing", "comment": "a comment", "charset": "ISO-IR 10646 2000 UTF-8", "hdrcharset": "BINARY",
    "mtime": "1000000000.123456789", "atime": "5.5", "ctime": "6", "realtime.x": "1", "security.x": "2",
    "SCHILY.dev": "1", "SCHILY.ino": "2", "SCHILY.nlink": "3", "SCHILY.fflags": "nodump", "SCHILY.filetype": "6",
    "SCHILY.devmajor": "4", "SCHILY.devminor": "5", "SCHILY.tarfiletype": "0", "SCHILY.xattr.user.note": "a value",
    "SCHILY.xattr.user.empty": "", "SCHILY.xattr.user.equal": "a=b=c", "LIBARCHIVE.creationtime": "7",
    "LIBARCHIVE.xattr.user.b": "dg", "MSWINDOWS.rawsd": "x", "VENDOR.key": "x", "GNU.volume.label": "label",
    "RHT.security.selinux": "system_u:object_r:etc_t:s0", "LIBARCHIVE.symlinktype": "dir",
}  # fmt: skip


def _by_gnu_tar(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Sparse files in each format, and a tree with links, times and attributes."""
    for name, size in SPARSE_SIZES.items():
        with (folder / name).open("wb") as file:
            file.truncate(size)
            for at in range(0, size - 20_000, max(size // 3, 1)):
                file.seek(at)
                file.write(b"%08d" % at * 1000)
            file.truncate(size)
        os.utime(folder / name, ns=(10**18 + 7, 10**18 + 7))
    with (folder / "many").open("wb") as file:  # more than fits in a header
        for number in range(120):
            file.seek(number * 65_536)
            file.write(b"%d" % number * 500)
    formats = {"gnu": ["--format=gnu"], "oldgnu": ["--format=oldgnu"]} | {
        f"pax-{version}": ["--format=posix", f"--sparse-version={version}"]
        for version in ("0.0", "0.1", "1.0")
    }
    for format, words in formats.items():
        for name in (*SPARSE_SIZES, "many"):
            yield f"sparse-{format}-{name}", _tar(folder, "-S", *words, name, "empty")
        yield f"sparse-{format}-all", _tar(folder, "-S", *words, *SPARSE_SIZES, "many")
    tree = folder / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file").write_bytes(b"content")
    (tree / "sub" / "link").symlink_to("file")
    os.link(tree / "sub" / "file", tree / "name")
    for path in (tree / "sub" / "link", tree / "sub", tree):
        os.utime(path, ns=(0, 1_234_567_890_123_456_789), follow_symlinks=False)
    for format in ("v7", "oldgnu", "gnu", "ustar", "posix"):
        yield f"tree-{format}", _tar(folder, f"--format={format}", "tree")
        yield (
            f"named-{format}",
            _tar(folder, f"--format={format}", "--transform=s,^,../up/,", "-P", "tree/sub"),
        )
    yield "label", _tar(folder, "--label=a volume", "tree")
    yield "incremental", _tar(folder, f"--listed-incremental={folder}/snapshot", "tree")


def _tar(folder: Path, *words: str) -> bytes:
    return subprocess.run(["tar", "-cf-", *words], cwd=folder, capture_output=True, check=True).stdout


def _by_hand() -> dict[str, list[bytes]]:
    """What is about the order of members, and about what is there already."""
    file, folder, away = member("a", content=b"first"), member("d/", DIRECTORY, mode=0o750), "/somewhere"
    link = member("l", SOFT, target="d")
    return {
        "twice": [file + member("a", content=b"the second")],
        "twice-in-two": [file, member("a", content=b"2")],
        "hard-then-new": [file + member("b", HARD, target="a") + member("a", content=b"2")],
        "hard-then-new-in-two": [file + member("b", HARD, target="a"), member("a", content=b"2")],
        "hard-of-before": [file, member("b", HARD, target="a")],
        "hard-over": [file + member("b", content=b"x"), member("b", HARD, target="./a")],
        "hard-itself": [file + member("a", HARD, target="a")],
        "hard-nothing": [member("b", HARD, target="a") + file],
        "hard-folder": [folder + member("b", HARD, target="d")],
        "hard-absolute": [file + member("b", HARD, target="/a")],
        "hard-upwards": [file + member("b", HARD, target="x/../a")],
        "hard-soft": [link + member("b", HARD, target="l")],
        "hard-soft-away": [member("l", SOFT, target=away) + member("b", HARD, target="l")],
        "hard-fifo": [member("p", FIFO) + member("b", HARD, target="p")],
        "hard-through": [folder + member("d/x", content=b"x") + link + member("b", HARD, target="l/x")],
        "hard-through-away": [member("l", SOFT, target="/etc") + member("b", HARD, target="l/shadow")],
        "hard-many": [file + b"".join(member(f"n{number}", HARD, target="a") for number in range(50))],
        "hard-with-content": [file + header("b", HARD, 5, target="a")],
        "hard-with-attributes": [file + member("b", HARD, target="a", pax={"SCHILY.xattr.user.a": "x"})],
        "hard-over-folder": [file + folder + member("d", HARD, target="a")],
        "through-link": [folder + link + member("l/x", content=b"x")],
        "through-links": [folder + link + member("m", SOFT, target="./l") + member("m/x", content=b"x")],
        "through-link-of-before": [folder + link, member("l/x", content=b"x")],
        "through-link-deeper": [folder + link + member("l/y/z", content=b"x")],
        "through-link-away": [member("l", SOFT, target=away) + member("l/x") + member("l/y/z")],
        "through-link-upwards": [folder + member("d/l", SOFT, target="../d") + member("d/l/x")],
        "through-link-to-nothing": [member("l", SOFT, target="none") + member("l/x") + file],
        "through-circle": [member("l", SOFT, target="m") + member("m", SOFT, target="l") + member("l/x")],
        "through-file": [file + member("a/x")],
        "through-file-of-before": [file, member("a/x")],
        "link-replaced-by-folder": [member("l", SOFT, target=away) + member("l/", DIRECTORY) + member("l/x")],
        "file-over-link": [file + member("l", SOFT, target="a"), member("l", content=b"x")],
        "file-over-link-away": [member("l", SOFT, target="/etc/none"), member("l", content=b"x")],
        "link-over-file": [file, member("a", SOFT, target="b")],
        "link-over-link": [link, member("l", SOFT, target="other", mtime=5)],
        "link-over-empty-folder": [folder, member("d", SOFT, target="b")],
        "fifo-over-file": [file, member("a", FIFO)],
        "file-over-fifo": [member("a", FIFO), file],
        "folder-over-file": [file, member("a/", DIRECTORY) + member("a/x")],
        "file-over-empty-folder": [folder + member("d", content=b"x")],
        "file-over-empty-folder-of-before": [folder, member("d", content=b"x")],
        "file-over-folder": [folder + member("d/x") + member("d", content=b"y")],
        "file-over-folder-of-before": [folder + member("d/x"), member("d", content=b"y")],
        "folder-twice": [folder + member("d/x") + member("d/", DIRECTORY, mode=0o700, mtime=9)],
        "folder-last": [member("d/e/x") + member("d/e/", DIRECTORY, mode=0o711, mtime=9)],
        "folder-without-letter": [member("d/", mode=0o700)],
        "folder-of-content-without-letter": [member("d/", content=b"x") + file],
        "file-with-dot": [member("a/./b/.") + file],
        "folder-of-content": [header("d/", DIRECTORY, 1024) + file],
        "link-of-content": [header("l", SOFT, 0, target="x") + file],
        "attributes-again": [member("a", pax={"SCHILY.xattr.user.a": "1"}), member("a")],
        "up": [member("../a") + member("x/../b") + member("..", DIRECTORY) + member("c/..") + file],
        "root-itself": [member("./", DIRECTORY) + member("/", DIRECTORY) + file],
        "no-name": [member("") + file],
        "too-long": [member("x", pax={"path": "n" * 256}) + file],
        "unknown-kind": [member("a", b"Q", b"data") + file],
        "contiguous": [member("a", b"7", b"data")],
        "old-file": [member("a", b"\0", b"data", magic=b"")],
        "empty-target": [member("l", SOFT) + file],
        "prefix": [member("name", prefix="some/where")],
        "prefix-of-gnu": [member("name", magic=GNU, prefix="\0\0\0")],
        "one-zero-block": [file + bytes(512) + member("b")],
        "binary-numbers": [member("a", uid=binary(70_000, 8), mtime=binary(-5, 12), content=b"x")],
        "spaces": [member("a", uid=b"   17 \0", gid=b"     21\0", mtime=b"        123 ")],
        "global": [pax_header({"mtime": "5", "uid": "3"}, b"g") + file + member("b", pax={"uid": "", "gid": "9"})],
        "global-twice": [pax_header({"mtime": "5"}, b"g") + file + pax_header({"mtime": "6"}, b"g") + member("b")],
        "sun": [pax_header({"path": "sun"}, b"X") + file],
        "two-headers": [pax_header({"uid": "5"}) + pax_header({"path": "b"}) + file],
        "repeated-key": [pax_header([("path", "one"), ("path", "two")]) + file],
        "long-name": [header("././@LongLink", b"L", 151, magic=GNU) + padded(b"n" * 150 + b"\0") + file],
        "long-link": [header("././@LongLink", b"K", 151, magic=GNU) + padded(b"n" * 150 + b"\0") + link],
        "negative-times": [member("a", pax={"mtime": "-1.5"}) + member("b", pax={"mtime": "-0.000000001"})],
        "fine-times": [member("a", pax={"mtime": "1.1234567899"}) + member("b", pax={"mtime": "5."})],
        "sparse-old": [
            header("a", b"S", 1536, magic=GNU, map=pairs(1024, 512, 5120, 1024, 9000, 0), realsize=9000)
            + b"1" * 512 + b"2" * 1024 + member("b", content=b"after")
        ],
        "sparse-all-hole": [header("a", b"S", 0, magic=GNU, map=pairs(9000, 0), realsize=9000) + member("b")],
        "sparse-0.0": [
            pax_header([
                ("GNU.sparse.size", "4005"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.offset", "512"),
                ("GNU.sparse.numbytes", "1024"), ("GNU.sparse.offset", "4000"), ("GNU.sparse.numbytes", "5"),
            ]) + member("a", content=b"x" * 1029) + member("b", content=b"after")
        ],
        "wrong-attribute": [pax_header({"SCHILY.xattr.": "x"}) + file],
        "record-order": [header("x", b"x", len(TWO)) + padded(TWO) + file],
    }  # fmt: skip


TWO = record("path", "first") + record("comment", "x" * 3000)
