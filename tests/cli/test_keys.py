"""--key: every spelling of what a key is for works in every command, all keys are tried, a useless one is told."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, luks_image, qemu_img
from tests.support.fixtures import fixture_image
from tests.support.luks import format_luks, luks2_volume, metadata
from tests.support.tang import bind, sealed, tang
from tests.support.volumes import make_ext

SECRET = ("--object", "secret,id=s,data=sesame")
LUKS1_UUID = "d0d0d0d0-000e-4000-8000-000000000e01"
FIXTURE = "key:fixture"

SPELLINGS = [
    "image",
    "all",
    "link.img",
    "sub/../link.img",
    "FOLDER/link.img",
    "disk.luks",
    "FOLDER/disk.luks",
]
# What is asked of an image with one key, in words before and after it.
COMMANDS = {
    "filesystems": (("filesystems", "--engine", "direct"), ()),
    "ls": (("ls", "--engine", "direct", "-m", "/dev/sda"), ("/",)),
    "convert": (("convert",), ("FOLDER/out.raw",)),
    "map": (("map",), ()),
    "measure": (("measure",), ()),
    "compare": (("compare",), ("disk.luks",)),
    "dd": (("dd", "--count", "1"), ("FOLDER/out.raw",)),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LUKS image with an ext4 in it, and a link to it."""
    folder = tmp_path_factory.mktemp("keys")
    inner = make_ext(folder / "inner", None, "-t", "ext4", size=4 * MIB)
    image = luks_image(folder / "disk.luks", b"sesame", 4 * MIB)
    target = f"driver=luks,key-secret=s,file.filename={image}"
    qemu_img("convert", *SECRET, "-f", "raw", "-n", "--target-image-opts", inner, target)
    (folder / "link.img").symlink_to("disk.luks")
    (folder / "sub").mkdir()
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def aes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a qcow2 of QEMU's old encryption under the same names; it has tables that can be checked."""
    options = "encrypt.format=aes,encrypt.key-secret=s"
    qemu_img("create", "-q", "-f", "qcow2", *SECRET, "-o", options, tmp_path / "disk.luks", "1M")
    (tmp_path / "link.img").symlink_to("disk.luks")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("selector", SPELLINGS)
def test_every_spelling_in_every_command(folder: Path, tmp_path: Path, command: str, selector: str) -> None:
    before, after = COMMANDS[command]
    key = f"{selector.replace('FOLDER', str(folder))}:key:sesame"
    words = [word.replace("FOLDER", str(tmp_path)) for word in after]
    assert "the key" not in imgtools(*before, "--key", key, "link.img", *words).err


@pytest.mark.parametrize("words", [(), ("--repair", "all"), ("--repair", "all", "--write")])
@pytest.mark.parametrize("selector", SPELLINGS)
def test_every_spelling_for_a_check(aes: Path, selector: str, words: tuple[str, ...]) -> None:
    """Also of the copy that a repair is tried on, which is called otherwise."""
    imgtools("check", *words, "--key", f"{selector.replace('FOLDER', str(aes))}:key:sesame", "link.img")
    imgtools("check", *words, "link.img", code=23)


@pytest.mark.parametrize("command", ["filesystems", "convert", "map", "compare"])
@pytest.mark.parametrize("order", [("sesame", "wrong"), ("wrong", "sesame"), ("wrong", "bad", "sesame")])
def test_all_keys_are_tried_in_any_order(
    folder: Path, tmp_path: Path, command: str, order: tuple[str, ...]
) -> None:
    before, after = COMMANDS[command]
    keys = [word for key in order for word in ("--key", f"all:key:{key}")]
    imgtools(*before, *keys, folder / "disk.luks", *(word.replace("FOLDER", str(tmp_path)) for word in after))


def test_none_that_fits(folder: Path, tmp_path: Path) -> None:
    wrong = ("--key", "all:key:wrong", "--key", "image:key:bad")
    for before, after in (COMMANDS["filesystems"], COMMANDS["convert"]):
        words = [word.replace("FOLDER", str(tmp_path)) for word in after]
        assert "does not open" in imgtools(*before, *wrong, "disk.luks", *words, code=23).err


@pytest.mark.parametrize("command", ["convert", "map", "measure", "compare", "dd"])
@pytest.mark.parametrize("selector", ["/dev/sda1", "other.luks"])
def test_a_key_that_fits_no_file_is_told(folder: Path, tmp_path: Path, command: str, selector: str) -> None:
    before, after = COMMANDS[command]
    keys = ("--key", "image:key:sesame", "--key", f"{selector}:key:sesame")
    ran = imgtools(*before, *keys, "link.img", *(word.replace("FOLDER", str(tmp_path)) for word in after))
    reason = "no file of the image is called that"
    assert ran.err == f"imgtools: warning: the key given for {selector} is not used: {reason}\n"


def test_a_key_for_an_image_that_is_not_encrypted(tmp_path: Path) -> None:
    image = tmp_path / "plain.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "1M")
    ran = imgtools("check", "--key", "image:key:sesame", "--key", "all:key:sesame", image)
    assert ran.err == "imgtools: warning: the key given for image is not used: it is not encrypted\n"


def test_a_path_with_a_colon(folder: Path, tmp_path: Path) -> None:
    image = tmp_path / "a:b.luks"
    os.link(folder / "disk.luks", image)
    imgtools("map", "--key", f"{image}:key:sesame", image)


def test_a_key_that_is_no_text(folder: Path, tmp_path: Path) -> None:
    """QEMU takes none, so that the disk is taken for one volume; a final line end belongs to such a key."""
    image, key = luks_image(tmp_path / "disk.luks", b"\xff\0\x01\n", MIB), tmp_path / "key"
    key.write_bytes(b"\xff\0\x01\n")
    ran = imgtools("filesystems", "--engine", "direct", "--key", f"disk.luks:file:{key}", image)
    assert "/dev/mapper/luks-" in ran.out and not ran.err
    assert "is not text" in imgtools("map", "--key", f"image:file:{key}", image, code=23).err


# -- volumes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "device", ["/dev/sda2", LUKS1_UUID, f"UUID={LUKS1_UUID.upper()}", f"/dev/mapper/luks-{LUKS1_UUID}"]
)
def test_what_an_opened_luks_volume_holds(device: str) -> None:
    words = ("--engine", "direct", "--key", f"all:{FIXTURE}", "-m", device, fixture_image("luks1"))
    assert imgtools("cat", *words, "/etc/hostname").out == "luks1-fixture\n"


def test_what_an_opened_bitlocker_volume_holds() -> None:
    words = (
        "--engine",
        "direct",
        "--key",
        f"/dev/sda1:{FIXTURE}",
        "-m",
        "/dev/sda1",
        fixture_image("bitlocker"),
    )
    assert imgtools("cat", *words, "/Users/alice/secret.txt").out == "behind BitLocker\n"


@pytest.mark.parametrize(("name", "device"), [("luks1", "/dev/sda2"), ("bitlocker", "/dev/sda1")])
def test_a_locked_volume_wants_its_key_without_a_boot(name: str, device: str) -> None:
    ran = imgtools("ls", "-m", device, fixture_image(name), "/", code=23)
    assert f"{device} is encrypted" in ran.err and f"--key {device}:file:PATH" in ran.err


@pytest.mark.parametrize(
    "selector", ["/dev/sda2", LUKS1_UUID.upper(), f"/dev/disk/by-uuid/{LUKS1_UUID}", "all"]
)
@pytest.mark.parametrize("keys", [("fixture", "wrong"), ("wrong", "fixture")])
def test_keys_of_a_volume(selector: str, keys: tuple[str, str]) -> None:
    words = [word for key in keys for word in ("--key", f"{selector}:key:{key}")]
    ran = imgtools("cat", "--engine", "direct", *words, fixture_image("luks1"), "/etc/hostname")
    assert (ran.out, ran.err) == ("luks1-fixture\n", "")


def test_a_password_of_bitlocker_among_others() -> None:
    words = [word for key in ("wrong", "fixture") for word in ("--key", f"all:key:{key}")]
    assert "ntfs" in imgtools("filesystems", "--engine", "direct", *words, fixture_image("bitlocker")).out


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        ("/dev/sda9", "no disk and no volume is called that"),
        ("/dev/mapper/no-where", "no disk and no volume is called that"),
        ("/dev/sda1", "it is not encrypted"),
        ("image", "it is not encrypted"),
        ("luks1.qcow2", "it is not encrypted"),
    ],
)
@pytest.mark.parametrize("command", ["filesystems", "cat", "df"])
def test_a_key_that_fits_nothing_is_told(command: str, selector: str, reason: str) -> None:
    words = ("--engine", "direct", "--key", f"all:{FIXTURE}", "--key", f"{selector}:{FIXTURE}")
    ran = imgtools(command, *words, fixture_image("luks1"), *(("/etc/hostname",) if command == "cat" else ()))
    assert ran.err == f"imgtools: warning: the key given for {selector} is not used: {reason}\n"


def test_a_disk_that_is_encrypted_as_a_whole_is_known_by_its_file(tmp_path: Path) -> None:
    """LUKS2, which QEMU does not read: a raw disk with an encrypted volume on it."""
    inner = make_ext(tmp_path / "inner", None, "-t", "ext4", size=4 * MIB)
    format_luks(tmp_path / "whole.img", inner.read_bytes())
    ran = imgtools(
        "filesystems", "--engine", "direct", "--key", "whole.img:key:sesame", tmp_path / "whole.img"
    )
    assert "ext4" in ran.out and not ran.err


def test_a_cipher_that_is_not_known_here(tmp_path: Path) -> None:
    image = tmp_path / "whole.img"
    image.write_bytes(luks2_volume(metadata(segments__0__encryption="serpent-xts-plain64")))
    words = ("--engine", "direct", "--key", "all:key:sesame")
    reason = "its cipher 'serpent-xts-plain64' is decrypted by the appliance only"
    assert imgtools("filesystems", *words, image).err == f"imgtools: warning: /dev/sda: {reason}\n"
    assert (
        f"/dev/sda is not opened: {reason}"
        in imgtools("ls", *words, "-m", "/dev/sda", image, "/", code=30).err
    )


@pytest.mark.parametrize("command", ["cat", "df", "inspect"])
def test_lvm_in_luks2_without_a_boot(command: str) -> None:
    words = ("--engine", "direct", "--key", f"all:{FIXTURE}", fixture_image("luks2"))
    ran = imgtools(command, *words, *(("/etc/hostname",) if command == "cat" else ()))
    said = {"cat": "luks2-fixture", "df": "/dev/vg_crypt/root", "inspect": "luks2-fixture"}[command]
    assert said in ran.out and not ran.err


# -- other ways to give a key -----------------------------------------------------------------------------


def given(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("keys", [b"fixture\n", b"wrong\nfixture", b"fixture\r\n"])
def test_keys_from_standard_input(monkeypatch: pytest.MonkeyPatch, keys: bytes) -> None:
    given(monkeypatch, keys)
    words = ("--engine", "direct", "--keys-from-stdin", fixture_image("luks1"))
    assert imgtools("cat", *words, "/etc/hostname").out == "luks1-fixture\n"


def test_standard_input_is_one_thing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    given(monkeypatch, b"sesame\n")
    words = ("--keys-from-stdin", "--images-from", "-")
    assert "cannot be the list of images too" in imgtools("info", *words, code=2).err
    given(monkeypatch, b"sesame\n")
    words = ("--keys-from-stdin", "-m", "/dev/sda", "link.img", "/new")
    assert "cannot be what the command reads too" in imgtools("write", *words, code=2).err
    given(monkeypatch, b"\n")
    assert "has no key" in imgtools("map", "--keys-from-stdin", "link.img", code=2).err
    given(monkeypatch, b"other\n")
    assert "other" not in imgtools("map", "--keys-from-stdin", "link.img", code=23).err


def test_a_part_of_a_key_file(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "key").write_bytes(b"xxxxsesamexxx")
    place = f"image:file:{tmp_path / 'key'},keyfile-offset=4,keyfile-size=6"
    imgtools("map", "--key", place, "link.img")


# -- headers that lie elsewhere ---------------------------------------------------------------------------


def test_a_detached_header(tmp_path: Path) -> None:
    inner = make_ext(tmp_path / "inner", None, "-t", "ext4", size=4 * MIB)
    format_luks(tmp_path / "data.img", inner.read_bytes(), header=tmp_path / "header")
    words = ("--engine", "direct", "--key", "all:key:sesame", "--luks-header")
    ran = imgtools("filesystems", *words, f"/dev/sda:file:{tmp_path / 'header'}", tmp_path / "data.img")
    assert "ext4" in ran.out and not ran.err
    assert "/lost+found" in imgtools(
        "find", *words, f"/dev/sda:file:{tmp_path / 'header'}", "-m", "/dev/sda", tmp_path / "data.img", "/"
    ).out  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--luks-header", "/dev/sda:file:/nowhere", "--key", "all:key:x"), 3, "there is no header /nowhere"),
        (("--luks-header", "/dev/sda", "--key", "all:key:x"), 2, "not a header: /dev/sda"),
        (("--luks-header", "/dev/sda:device:/dev/sdb"), 2, "a header was given, and no key"),
    ],
)
def test_headers_that_cannot_be_meant(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    assert said in imgtools("filesystems", *words, tmp_path / "none.img", code=code).err


def test_a_header_that_fits_nothing_is_told() -> None:
    words = ("--engine", "direct", "--key", f"all:{FIXTURE}", "--luks-header", "/dev/sda9:device:/dev/sda1")
    ran = imgtools("filesystems", *words, fixture_image("luks1"))
    reason = "the header given for /dev/sda9 is not used: no volume is called /dev/sda9"
    assert ran.err == f"imgtools: warning: {reason}\n"


def test_a_key_that_a_server_gives(tmp_path: Path) -> None:
    inner = make_ext(tmp_path / "inner", None, "-t", "ext4", size=4 * MIB)
    format_luks(tmp_path / "a.img", inner.read_bytes())
    words = ("filesystems", "--engine", "direct", "--key", "/dev/sda:clevis", tmp_path / "a.img")
    assert "no binding of clevis" in imgtools(*words, code=23).err
    with tang(tmp_path / "keys") as url:
        bind(tmp_path / "a.img", sealed("tang", {"url": url}, b"sesame"))
        ran = imgtools(*words)
        assert "ext4" in ran.out and not ran.err
    assert f"its key cannot be had from here: {url}" in imgtools(*words, code=28).err


SECRETS = (b"a-secret-passphrase", b"\xfea-binary\0secret")


@pytest.mark.parametrize("secret", SECRETS, ids=["text", "binary"])
@pytest.mark.parametrize("fits", [True, False])
def test_a_secret_is_in_no_argument_log_error_or_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: bytes, fits: bool
) -> None:
    """Nor is the volume key, which is known here."""
    started: list[bytes] = []
    real = subprocess.Popen.__init__

    def noted(self: object, argv: list[str], *words: object, **more: object) -> None:
        started.append(repr((argv, more.get("env"))).encode())
        real(self, argv, *words, **more)  # type: ignore[arg-type, call-overload]

    inner = make_ext(tmp_path / "inner", None, "-t", "ext4", size=4 * MIB)
    key = format_luks(tmp_path / "a.img", inner.read_bytes(), passphrase=secret if fits else b"another")
    (tmp_path / "key").write_bytes(secret)
    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    words = ("filesystems", "--engine", "direct", "-vv", "--json", "--key", f"all:file:{tmp_path / 'key'}")
    ran = imgtools(*words, tmp_path / "a.img", code=0 if fits else 23)
    said = ran.out.encode() + ran.err.encode() + b"".join(started)
    assert started
    for one in (secret, secret[1:8], key, key.hex().encode(), key[:16].hex(" ").encode()):
        assert one not in said
        assert repr(one)[2:-1].encode() not in said
