"""Encrypted volumes without a boot: what is around them, what is in them, and how often their key is derived."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgtools.engine.confined import luks
from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.block import serve_disk
from imgtools.errors import BadImage, KeyNeeded
from imgtools.image.handle import open_image
from imgtools.records.detached_header import DetachedHeader
from imgtools.records.disks import Declined, Holder
from imgtools.records.image import DiskSource
from imgtools.records.request import Key, Secret
from tests.support.broken_luks import DAMAGED, UNKNOWN
from tests.support.luks import KEY, UUID, format_luks
from tests.support.lvm import group_text, make_pv, segment, uuid, volume_text
from tests.support.tang import bind, sealed, tang
from tests.support.volumes import blank, image_info, make_ext, patch, tool

pytestmark = pytest.mark.host
MIB = 1 << 20
INNER = f"/dev/mapper/luks-{UUID}"


@pytest.fixture(scope="module")
def ext4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A filesystem of 4 MiB with a file."""
    folder = tmp_path_factory.mktemp("ext4")
    (folder / "tree").mkdir()
    (folder / "tree" / "hello").write_text("hello\n")
    return make_ext(folder / "a.img", folder / "tree", "-t", "ext4", "-L", "root", size=4 * MIB).read_bytes()


@contextmanager
def served(path: Path, keys: tuple[Key, ...] = (Key("all", Secret(KEY)),)) -> Iterator[DirectSession]:
    with serve_disk(image_info((path, "raw"))) as first:
        session = DirectSession([first], keys)
        try:
            yield session
        finally:
            session.close()


def read(session: DirectSession, device: str, path: str = "/hello") -> bytes:
    volume = next(one for one in session.layout().volumes if one.device == device)
    found = session.mount(volume)
    assert not isinstance(found, Declined), found
    with found.open(path) as stream:
        return stream.read()


@pytest.mark.parametrize("sector_size", [512, 4096])
def test_luks2(tmp_path: Path, ext4: bytes, sector_size: int) -> None:
    format_luks(tmp_path / "a.img", ext4, sector_size=sector_size)
    with served(tmp_path / "a.img", keys=()) as session:
        assert [one.content for one in session.layout().volumes] == ["crypto_LUKS"]
    with served(tmp_path / "a.img") as session:
        inner = session.layout().volumes[1]
        assert (inner.device, inner.holder, inner.content, inner.label) == (
            INNER,
            Holder.CRYPT,
            "ext4",
            "root",
        )
        assert (inner.size, inner.parents) == (4 * MIB, ("/dev/sda",))
        assert read(session, INNER) == b"hello\n"
        assert session.layout().unread == ()


def test_a_binary_key_of_luks1(tmp_path: Path, ext4: bytes) -> None:
    binary = b"\xff\0\x01\n"
    format_luks(tmp_path / "a.img", ext4, "--pbkdf-force-iterations", "1000", version=1, passphrase=binary)
    with served(tmp_path / "a.img", keys=(Key("/dev/sda", Secret(binary)),)) as session:
        assert read(session, INNER) == b"hello\n"


def test_lvm_inside_luks_inside_lvm(tmp_path: Path, ext4: bytes) -> None:
    inner_group = group_text(["A"], [volume_text("root", "r", [segment(0, 4, ("pv0", 0))])])
    inner = make_pv("A", inner_group)
    inner[MIB : 5 * MIB] = ext4
    format_luks(tmp_path / "luks", bytes(inner))
    volume = (tmp_path / "luks").read_bytes()
    crypt = volume_text("crypt", "c", [segment(0, 9, ("pv0", 9)), segment(9, 9, ("pv0", 0))])
    text = group_text(["B"], [crypt], name="outer").replace("pe_count = 14", "pe_count = 60")
    outer = make_pv("B", text.replace(uuid("g"), uuid("h"), 1), size=64 * MIB)
    outer[10 * MIB : 19 * MIB], outer[MIB : 10 * MIB] = volume[: 9 * MIB], volume[9 * MIB : 18 * MIB]
    (tmp_path / "a.img").write_bytes(outer)
    with served(tmp_path / "a.img") as session:
        devices = [one.device for one in session.layout().volumes]
        assert devices == ["/dev/sda", "/dev/outer/crypt", INNER, "/dev/vg/root"]
        assert read(session, "/dev/vg/root") == b"hello\n"


def test_what_a_worker_reads(tmp_path: Path) -> None:
    """NTFS is read in a process of its own, which decrypts for itself; in a LUKS volume in another one."""
    tool("mkntfs", "-F", "-Q", "-L", "win", _blank(tmp_path / "ntfs", 4 * MIB))
    (tmp_path / "hello").write_text("hello\n")
    tool("ntfscp", "-q", tmp_path / "ntfs", tmp_path / "hello", "hello")
    format_luks(tmp_path / "once", (tmp_path / "ntfs").read_bytes(), sector_size=4096)
    with served(tmp_path / "once") as session:
        assert read(session, INNER) == b"hello\n"
    key = Key("all", Secret(KEY))
    format_luks(tmp_path / "twice", (tmp_path / "once").read_bytes())
    tool("cryptsetup", "luksUUID", "-q", "--uuid", UUID.replace("e01", "e02"), tmp_path / "twice")
    with served(tmp_path / "twice", keys=(key,)) as session:
        assert [one.content for one in session.layout().volumes] == ["crypto_LUKS", "crypto_LUKS", "ntfs"]
        assert read(session, INNER) == b"hello\n"


def _blank(path: Path, size: int) -> Path:
    path.write_bytes(bytes(size))
    return path


def test_a_key_is_derived_once(tmp_path: Path, ext4: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    derived: list[str] = []
    real = luks.derive_key

    def counted(*words: object) -> bytes:
        derived.append(str(words[-1]))
        return real(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(luks, "derive_key", counted)
    format_luks(tmp_path / "a.img", ext4)
    with served(tmp_path / "a.img") as session:
        for _ in range(3):
            assert read(session, INNER) == b"hello\n"
            session.layout()
    assert derived == ["/dev/sda"]


def test_wrong_keys(tmp_path: Path, ext4: bytes) -> None:
    format_luks(tmp_path / "a.img", ext4)
    keys = tuple(Key("all", Secret(one)) for one in (b"wrong", b"sesame\n"))
    with (
        pytest.raises(KeyNeeded, match="does not open it") as caught,
        served(tmp_path / "a.img", keys=keys) as one,
    ):
        one.layout()
    assert "--key /dev/sda:file:PATH" in caught.value.hint
    with served(tmp_path / "a.img", keys=(*keys, Key("all", Secret(KEY)))) as session:
        assert read(session, INNER) == b"hello\n"


@pytest.mark.parametrize("name", ["both checksums are wrong", "a slot beyond the end", "LUKS1, erased"])
def test_a_damaged_header_is_named_when_there_is_a_key(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.img").write_bytes(DAMAGED[name][0])
    with served(tmp_path / "a.img", keys=()) as session:
        assert [one.content for one in session.layout().volumes] == ["crypto_LUKS"]
    with pytest.raises(BadImage, match="header is damaged"), served(tmp_path / "a.img") as session:
        session.layout()


@pytest.mark.parametrize("name", ["integrity", "reencryption as a requirement", "two segments"])
def test_what_is_not_known_is_left_to_the_appliance(tmp_path: Path, name: str) -> None:
    content, words = UNKNOWN[name]
    (tmp_path / "a.img").write_bytes(content)
    with served(tmp_path / "a.img") as session:
        (declined,) = session.layout().unread
        assert declined.what == "/dev/sda" and words in declined.reason and not declined.damaged


# -- headers that lie elsewhere ---------------------------------------------------------------------------


def with_header(header: DetachedHeader, *, key: bytes = KEY) -> tuple[Key, ...]:
    return (Key("all", Secret(key), (header,)),)


@pytest.mark.parametrize("version", [1, 2])
def test_a_header_in_a_file(tmp_path: Path, ext4: bytes, version: int) -> None:
    format_luks(tmp_path / "a.img", ext4, version=version, header=tmp_path / "header")
    with served(tmp_path / "a.img") as session:
        assert [one.content for one in session.layout().volumes] == [""]
    keys = with_header(DetachedHeader("/dev/sda", tmp_path / "header"))
    with served(tmp_path / "a.img", keys=keys) as session:
        outer, inner = session.layout().volumes
        assert (outer.content, outer.uuid, outer.version) == ("crypto_LUKS", UUID, str(version))
        assert (inner.device, inner.size, inner.content) == (INNER, 4 * MIB, "ext4")
        assert read(session, INNER) == b"hello\n"
    keys = with_header(DetachedHeader("/dev/sda", tmp_path / "header"), key=b"wrong")
    with pytest.raises(KeyNeeded), served(tmp_path / "a.img", keys=keys) as session:
        session.layout()


def test_a_header_on_another_partition(tmp_path: Path, ext4: bytes) -> None:
    format_luks(tmp_path / "data", ext4, sector_size=4096, header=tmp_path / "header")
    path = blank(tmp_path / "a.img", 16 * MIB)
    tool("sfdisk", "-q", path, stdin="label: dos\n1MiB 4MiB 83\n8MiB 4MiB 83\n")
    patch(path, MIB, (tmp_path / "data").read_bytes())
    patch(path, 8 * MIB, (tmp_path / "header").read_bytes())
    keys = (Key("/dev/sda1", Secret(KEY), (DetachedHeader("/dev/sda1", device="/dev/sda2"),)),)
    with served(path, keys=keys) as session:
        found = [(one.device, one.content) for one in session.layout().volumes]
        assert found[0] == ("/dev/sda1", "crypto_LUKS") and found[-1] == (INNER, "ext4")
        assert read(session, INNER) == b"hello\n"


def test_a_backup_of_a_header_that_is_damaged(tmp_path: Path, ext4: bytes) -> None:
    format_luks(tmp_path / "a.img", ext4)
    tool("cryptsetup", "luksHeaderBackup", tmp_path / "a.img", "--header-backup-file", tmp_path / "backup")
    patch(tmp_path / "a.img", 0, bytes(MIB))
    keys = with_header(DetachedHeader("/dev/sda", tmp_path / "backup"))
    with served(tmp_path / "a.img", keys=keys) as session:
        assert read(session, INNER) == b"hello\n"


def test_a_header_that_is_none(tmp_path: Path, ext4: bytes) -> None:
    blank(tmp_path / "a.img", 4 * MIB)
    (tmp_path / "header").write_bytes(ext4)
    keys = with_header(DetachedHeader("/dev/sda", tmp_path / "header"))
    with pytest.raises(BadImage, match="header is damaged"), served(tmp_path / "a.img", keys=keys) as session:
        session.layout()


def test_what_is_a_header_and_no_more_is_not_opened(tmp_path: Path, ext4: bytes) -> None:
    """A key for all is tried on what is encrypted, not on the disk that another one's header is on."""
    format_luks(tmp_path / "a.img", ext4, header=tmp_path / "header")
    keys = with_header(DetachedHeader("/dev/sda", device="/dev/sdb"))
    info = image_info((tmp_path / "a.img", "raw")), image_info((tmp_path / "header", "raw"))
    with serve_disk(info[0]) as data, serve_disk(info[1]) as header:
        session = DirectSession([data, header], keys)
        volumes = session.layout().volumes
        assert [one.device for one in volumes if one.content == "ext4"] == [volumes[-1].device]
        session.close()


# -- keys that servers give -------------------------------------------------------------------------------


def test_a_key_of_clevis_opens_a_volume(tmp_path: Path, ext4: bytes) -> None:
    """And is known then for another engine, which asks nobody."""
    keys = (Key("all", Secret(b""), clevis=True),)
    format_luks(tmp_path / "a.img", ext4)
    with (
        pytest.raises(KeyNeeded, match="no binding of clevis"),
        served(tmp_path / "a.img", keys=keys) as session,
    ):
        session.layout()
    with tang(tmp_path / "keys") as url:
        bind(tmp_path / "a.img", sealed("tang", {"url": url}, KEY))
        with open_image([DiskSource(tmp_path / "a.img", "raw")], keys=keys) as image:
            (key,) = image.keys_of_volumes()  # as resize hands them to the appliance
            assert (key.selector, key.secret.reveal(), key.clevis) == ("/dev/sda", KEY, False)
        with served(tmp_path / "a.img", keys=keys) as session:
            assert read(session, INNER) == b"hello\n"
            (key,) = session.asked_keys
            assert (key.selector, key.secret.reveal(), key.clevis) == ("/dev/sda", KEY, False)
