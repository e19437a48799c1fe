"""Guests of libvirt by their names: served by libvirt's test driver, in the test's own process."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

import imgtools as door
from imgtools.errors import HostError, ImageInUse, UsageError
from tests.support.command import Ran, imgtools
from tests.support.disks import image_of, qemu_img, random_bytes
from tests.support.domains import (
    PAUSED,
    RUNNING,
    SAVED,
    SHUT_OFF,
    disk_xml,
    domain_xml,
    libvirt_of,
    pool_xml,
    volume_xml,
)
from tests.support.fixtures import copy_fixture
from tests.support.remote_servers import qemu_server
from tools.options import shown

UUID = "11111111-1111-4111-8111-111111111111"


class Host(NamedTuple):
    """A host with libvirt, and the files of its guests."""

    uri: str
    folder: Path
    debian: Path
    multi: tuple[Path, ...]

    def ask(self, command: str, *words: str | Path, code: int | None = 0) -> Ran:
        return imgtools(*command.split(), "--connect", self.uri, *words, code=code)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Guests in every state. Nothing of them is written by any test that does not fail."""
    folder = tmp_path_factory.mktemp("host")
    (debian,) = copy_fixture("debian", folder)
    shutil.copyfile(debian, folder / "other.qcow2")
    multi = copy_fixture("multidisk", folder)
    blank = image_of(random_bytes(1 << 20), folder / "blank.qcow2", "qcow2")
    both = [disk_xml(multi[1], "vdb"), disk_xml(multi[0], "vda")]  # in no order
    parts = [
        domain_xml("web1", disk_xml(debian, "vda"), state=RUNNING, uuid=UUID),
        domain_xml("halted", disk_xml(blank, "vda"), state=PAUSED),
        domain_xml("slept", disk_xml(blank, "vda"), state=SAVED),
        domain_xml("multi", *both),
        domain_xml("pooled", disk_xml(multi[0], "vda"), volume_xml("images", multi[1].name, "vdb", "raw")),
        domain_xml("twin", disk_xml(debian, "vda")),
        domain_xml("fixed", disk_xml(multi[0], "vda", more="<readonly/>")),
        domain_xml("gone", disk_xml("/nowhere/<x>&.qcow2", "vda")),
        domain_xml("discs", disk_xml("/x.iso", "hda", bus="ide").replace("device='disk'", "device='cdrom'")),
        domain_xml(
            "far",
            "<disk type='network' device='disk'><driver type='raw'/><source protocol='nbd' name='x'>"
            "<host name='store' port='10809'/></source><target dev='vda' bus='virtio'/></disk>",
        ),
        pool_xml("images", folder, *multi, debian),
    ]
    return Host(libvirt_of(folder, parts), folder, debian, multi)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# -- which guest --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web1", UUID, UUID.replace("-", ""), "1"])
def test_a_guest_has_a_name_a_uuid_and_an_id(host: Host, name: str) -> None:
    assert host.ask("cat", "-d", name, "/etc/hostname").out == "debian-fixture\n"


@pytest.mark.parametrize(
    "words",
    [
        ["cat", "-d", "twin", "/etc/hostname"],
        ["cat", "/etc/hostname", "-dtwin"],
        ["cat", "--domain=twin", "--", "/etc/hostname"],
        ["cat", "-vd", "twin", "/etc/hostname"],
        ["cat", "--vol", "images/debian.qcow2", "/etc/hostname"],
    ],
    ids=" ".join,
)
def test_no_word_is_the_image_then(host: Host, words: list[str]) -> None:
    assert imgtools(words[0], "-c", host.uri, *words[1:]).out == "debian-fixture\n"


def test_all_disks_of_a_guest_are_one_guest_in_its_order(host: Host) -> None:
    for name in ("multi", "pooled"):
        found = host.ask("inspect", "--json", "-d", name)
        assert found.data["guests"][0]["root"] == "/dev/vg_multi/root"
        assert found.json["image"] == str(host.multi[0])
    disks = host.ask("info", "--json", "-d", "multi").data["disks"]
    assert [disk["chain"][0]["host_path"] for disk in disks] == list(map(str, host.multi))


def test_a_further_disk_and_a_snapshot_go_with_it(host: Host, tmp_path: Path) -> None:
    more = image_of(random_bytes(1 << 20), tmp_path / "more.raw", "raw")
    disks = host.ask("info", "--json", "--no-partitions", "-d", "twin", "-a", more).data["disks"]
    assert len(disks) == 2
    assert "no internal snapshot" in host.ask("ls", "-d", "twin", "--snapshot", "x", code=2).err


def test_a_definition_in_a_file_needs_no_libvirt(host: Host, tmp_path: Path) -> None:
    (tmp_path / "web1.xml").write_text(domain_xml("web1", disk_xml(host.debian, "vda"), state=""))
    assert imgtools("cat", "--domain-xml", tmp_path / "web1.xml", "/etc/hostname").out == "debian-fixture\n"
    volume = domain_xml("web2", volume_xml("images", "debian.qcow2", "vda", "qcow2"), state="")
    (tmp_path / "web2.xml").write_text(volume)
    assert host.ask("cat", "--domain-xml", tmp_path / "web2.xml", "/etc/hostname").out == "debian-fixture\n"


@pytest.mark.parametrize(
    "text",
    ["", "<domain/>", "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain><name>&a;</name></domain>", "<a", "\0"],
)
def test_an_odd_definition_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.xml").write_text(text)
    assert "odd.xml" in imgtools("info", "--domain-xml", tmp_path / "odd.xml", code=2).err


def test_a_disk_on_the_network_is_read_where_that_is_said(host: Host, tmp_path: Path) -> None:
    with qemu_server(host.debian, tmp_path, "-f", "qcow2") as port:
        disk = (
            "<disk type='network' device='disk'><driver type='raw'/><source protocol='nbd' name='disk'>"
            f"<host name='127.0.0.1' port='{port}'/></source><target dev='vda' bus='virtio'/></disk>"
        )
        uri = libvirt_of(tmp_path, [domain_xml("far", disk)])
        assert imgtools("cat", "-c", uri, "--remote", "-d", "far", "/etc/hostname").out == "debian-fixture\n"


# -- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("-d web2", 3, "did you mean web1"),
        ("-d zzz", 3, "virsh list --all"),
        ("-d 77", 3, "libvirt has no domain 77"),
        (f"-d {UUID[:-1]}2", 3, "libvirt has no domain"),
        ("-d gone", 3, "the disk vda of gone is not there: /nowhere/<x>&.qcow2"),
        ("-d far", 18, "--remote says so"),
        ("-d discs", 3, "discs has no disks"),
        ("-d web1 -d twin", 2, "2 guests are named"),
        ("-d web1 --format raw", 2, "the definition has the format"),
        ("-d web1 --vol images/debian.qcow2", 2, "two ways to name a guest"),
        ("-d web1 --domain-xml /x.xml", 2, "two ways to name a guest"),
        ("--vol images", 2, "POOL/VOLUME"),
        ("--vol images/", 2, "POOL/VOLUME"),
        ("--vol image/debian.qcow2", 3, "did you mean images"),
        ("--vol images/debian.qcow", 3, "did you mean debian.qcow2"),
        ("--domain-xml /nowhere.xml", 3, "cannot read /nowhere.xml"),
        ("disk.qcow2", 2, "--connect is about a guest of libvirt, and none is named"),
    ],
)
def test_what_does_not_name_a_guest(host: Host, words: str, code: int, said: str) -> None:
    ran = host.ask("log", *words.split(), code=code)
    assert said in ran.err and len(ran.err.splitlines()) <= 2


def test_an_image_and_a_guest_are_two(host: Host) -> None:
    assert "two ways to say which image" in host.ask("log", "disk.qcow2", "-d", "web1", code=2).err
    assert "images are named" in host.ask("df", "disk.qcow2", "-d", "web1", code=2).err
    assert "two ways to say which image" in host.ask("measure", "disk.qcow2", "-d", "web1", code=2).err


def test_a_name_that_is_no_utf8(host: Host) -> None:
    assert "UTF-8" in host.ask("log", "-d", os.fsdecode(b"\xff"), code=2).err


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+ssh://me@store/system",
        "qemu+tcp://192.0.2.1/system",
        "qemu+tls://store.example/system",
        "esx://store/",
    ],
)
def test_libvirt_on_another_host_is_named_as_that(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is libvirt on another host" in imgtools("log", "-c", uri, "-d", "web1", code=2).err
    ran = imgtools("clone", "-c", uri, "-d", "web1", "-n", "new", code=2)
    assert "is libvirt on another host" in ran.err


@pytest.mark.parametrize(
    "uri",
    ["qemu+unix:///session?socket=/nowhere/s", "test:///nowhere.xml", "odd", "qemu+tcp://127.0.0.1:1/system"],
)
def test_nobody_answers(uri: str) -> None:
    ran = imgtools("log", "-c", uri, "-d", "web1", code=3)
    assert f"cannot connect to libvirt at {uri}" in ran.err


def test_a_volume_is_cloned(host: Host, tmp_path: Path) -> None:
    words = ("-n", "new", "--unprepared", "--output-dir", tmp_path, "--json")
    ran = host.ask("clone", "--vol", f"images/{host.multi[0].name}", *words, "--hostname", "", "-O", "raw")
    assert ran.data["template"] == str(host.multi[0]) and ran.data["clones"][0]["definition"] == ""
    imgtools("compare", host.multi[0], tmp_path / "new.raw")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--vol", "images/debian.qcow2"], 11, "the domain web1 is running with the volume images/debian"),
        (["--vol", "images/nothing"], 3, "no volume nothing"),
        (["--vol", "images"], 2, "--vol POOL/VOLUME"),
        (["--vol", "images/a", "--vol", "images/b"], None, ""),
        (["--vol", "images/debian.qcow2", "--domain", "twin"], 2, "one template is cloned"),
        (["--vol", "images/debian.qcow2", "--xml-dir", "."], 2, "--xml-dir is about a domain"),
    ],
    ids=str,
)
def test_a_volume_that_is_not_cloned(
    host: Host, tmp_path: Path, words: list[str], code: int | None, said: str
) -> None:
    ran = host.ask("clone", *words, "-n", "new", "--unprepared", "--output-dir", tmp_path, code=code)
    assert said in ran.err and ran.code and list(tmp_path.iterdir()) == []


def test_a_guest_whose_name_is_anothers_uuid(tmp_path: Path) -> None:
    parts = [
        domain_xml("one", disk_xml("/a.raw", "vda"), uuid=UUID),
        domain_xml(UUID, disk_xml("/a.raw", "vda")),
    ]
    ran = imgtools("log", "-c", libvirt_of(tmp_path, parts), "-d", UUID, code=2)
    assert "is the name of one domain and the UUID or id of another" in ran.err


def test_names_are_not_trusted(tmp_path: Path) -> None:
    name = "a<b>&[red]\u202e'\""
    uri = libvirt_of(tmp_path, [domain_xml(name, disk_xml("/nowhere/\u202e.raw", "vda", format="raw"))])
    ran = imgtools("info", "-c", uri, "-d", name, code=3)
    assert "[red]" in ran.err and "\u202e" not in ran.err


def test_backing_files_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    for name in ("a", "b"):
        image_of(b"", tmp_path / f"{name}.qcow2", "qcow2")
    for name, other in (("a", "b"), ("b", "a")):
        qemu_img("rebase", "-u", "-b", f"{other}.qcow2", "-F", "qcow2", tmp_path / f"{name}.qcow2")
    uri = libvirt_of(tmp_path, [domain_xml("loop", disk_xml(tmp_path / "a.qcow2", "vda"))])
    assert "is a loop" in imgtools("map", "-c", uri, "-d", "loop", code=10).err


def test_a_raw_disk_stays_raw_whatever_its_guest_writes(tmp_path: Path) -> None:
    """A guest that writes the header of a qcow2 image gets no other file of the host."""
    disk = tmp_path / "d.raw"
    qemu_img("create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", disk, "1M")
    uri = libvirt_of(tmp_path, [domain_xml("evil", disk_xml(disk, "vda"))])
    found = imgtools("info", "-c", uri, "-d", "evil", "--json").data["disks"][0]
    assert (found["format"], len(found["chain"])) == ("raw", 1)


# -- one disk of several ------------------------------------------------------------------------------------


def test_what_is_about_one_disk_asks_which(host: Host, tmp_path: Path) -> None:
    for words in (["map"], ["measure"], ["chain", "show"], ["compare"], ["resize"]):
        more = [host.multi[0]] if words == ["compare"] else ["+1M"] if words == ["resize"] else []
        ran = host.ask(" ".join(words), "-d", "multi", *more, code=2)
        assert "--disk vda" in ran.err
    target = tmp_path / "second.raw"
    imgtools("convert", "--connect", host.uri, "-d", "multi", "--disk", "vdb", target)
    assert target.read_bytes() == host.multi[1].read_bytes()
    assert "multi has no disk vdc" in host.ask("map", "-d", "multi", "--disk", "vdc", code=2).err
    assert "vda, vdb" in host.ask("map", "-d", "multi", "--disk", "vdc", code=2).err


def test_check_takes_each_disk(host: Host) -> None:
    document = host.ask("check", "-d", "multi", "--json", code=14).data
    assert [one["image"] for one in document["answers"]] == [str(host.multi[0]), "multi/vdb"]


def test_two_guests_are_compared(host: Host) -> None:
    same = host.ask(
        "compare", "-d", "multi", "--disk", "vda", "--other-domain", "pooled", "--other-disk", "vda"
    )
    assert same.out == "identical\n"
    assert "--other-disk vda" in host.ask("compare", host.debian, "--other-domain", "multi", code=2).err
    for words in (
        [],
        [host.debian, "--other-domain", "twin"],
        ["--other-domain", "twin", "--other-format", "raw"],
    ):
        host.ask("compare", host.debian, *words, code=2) if words else imgtools(
            "compare", host.debian, code=2
        )
    ran = host.ask("diff", "-d", "multi", "--other-domain", "pooled", "--only", "facts", code=2)
    assert "same" in ran.err, "two names of one guest"
    assert host.ask("diff", "-d", "twin", host.debian, "--other-domain", "web1", code=2).err


# -- several guests -----------------------------------------------------------------------------------------


def test_df_without_an_image_is_about_all_guests(host: Host) -> None:
    ran = imgtools("df", "--connect", host.uri, "--csv", code=18)
    names = list(dict.fromkeys(line.partition(",")[0] for line in ran.out.splitlines()[1:]))
    assert names == ["fixed", "multi", "pooled", "twin", "web1"]
    assert "gone: the disk vda of gone is not there" in ran.err and "far: " in ran.err
    assert "discs" not in ran.err and "9 images" in ran.err


def test_all_guests_that_are_off(host: Host) -> None:
    document = imgtools("df", "-c", host.uri, "--all-domains", "--inactive", "--json", code=18).data
    answered = [one["domain"] for one in document["images"] if "error" not in one or not one["error"]]
    assert answered == ["fixed", "multi", "pooled", "slept", "twin"]
    assert "--inactive goes with --all-domains" in imgtools("info", "-c", host.uri, "--inactive", code=2).err


def test_several_names_in_the_order_given(host: Host) -> None:
    ran = host.ask("find", "-d", "twin", "-d", "multi", "/etc/hostname")
    assert ran.out.splitlines() == ["twin\t/etc/hostname", "multi\t/etc/hostname"]


def test_without_libvirt_df_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", "test:///nowhere.xml")
    ran = imgtools("df", code=2)
    assert ran.err.startswith("imgtools: no image is named") and "-d NAME" in ran.err
    assert "cannot connect" in ran.err


# -- a guest that is not shut off ---------------------------------------------------------------------------

WRITING = (
    ("customize", "--hostname", "x"),
    ("write", "/etc/motd", "--from", "FILE"),
    ("rm", "/etc/hostname"),
    ("sysprep", "--enable", "machine-id"),
    ("resize", "+1M"),
    ("amend", "-o", "lazy_refcounts=on"),
    ("bitmap add", "monday"),
    ("snapshot create", "now"),
    ("check", "--repair", "all"),
)


@pytest.mark.parametrize("words", WRITING, ids=lambda words: words[0])
@pytest.mark.parametrize("name", ["web1", "twin"])
def test_it_is_never_written(host: Host, name: str, words: tuple[str, ...]) -> None:
    """twin is shut off, and has a disk that web1 runs from."""
    before = digest(host.debian)
    more = [str(host.folder / "node.xml") if word == "FILE" else word for word in words[1:]]
    ran = host.ask(words[0], "-d", name, *more, "--write", code=11)
    assert "the domain web1 is running" in ran.err and "virsh shutdown web1" in ran.err
    assert digest(host.debian) == before


@pytest.mark.parametrize(("name", "said"), [("halted", "is paused"), ("slept", "is saved")])
def test_nor_is_one_that_will_go_on(host: Host, name: str, said: str) -> None:
    assert said in host.ask("bitmap add", "-d", name, "monday", "--write", code=11).err


def test_it_is_read_with_one_warning(host: Host) -> None:
    for words in (
        ["ls", "-d", "web1"],
        ["df", "-d", "web1"],
        ["map", "-d", "web1"],
        ["customize", "-d", "web1", "--hostname", "x"],
    ):
        assert host.ask(words[0], *words[1:]).err.count("the domain web1 is running") == 1
    found = host.ask("ls", "-d", "web1", "--json").json["warnings"]
    assert [one["text"] for one in found] == ["the domain web1 is running: what is read may be inconsistent"]
    assert "web1" not in host.ask("ls", "-d", "multi").err


def test_a_disk_that_its_definition_calls_read_only_is_read(host: Host) -> None:
    assert host.ask("map", "-d", "fixed").err == ""
    refused = host.ask("bitmap add", "-d", "fixed", "monday", "--write", code=3)
    assert "the definition of fixed calls its disk vda read-only" in refused.err


def test_one_that_is_shut_off_is_written_in_place(tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    uri = libvirt_of(tmp_path, [domain_xml("web", disk_xml(disk, "vda"), state=SHUT_OFF)])
    imgtools("customize", "-c", uri, "-d", "web", "--hostname", "new", "--write")
    assert imgtools("cat", disk, "/etc/hostname").out == "new\n"
    imgtools(
        "write",
        "-c",
        uri,
        "-d",
        "web",
        "/etc/hostname",
        "--from",
        tmp_path / "node.xml",
        "--output",
        tmp_path / "o",
    )
    assert imgtools("cat", disk, "/etc/hostname").out == "new\n"


# -- programs -----------------------------------------------------------------------------------------------


def test_programs_name_guests_too(host: Host) -> None:
    guest = door.domain("multi", connect=host.uri)
    assert (guest.name, guest.targets, guest.state) == ("multi", ("vda", "vdb"), "shut off")
    assert door.inspect(guest).guests[0].root == "/dev/vg_multi/root"
    assert door.cat(door.domain(volume="images/debian.qcow2", connect=host.uri), "/etc/hostname")
    one = door.domain("twin", connect=host.uri)
    assert door.diff(one, host.folder / "other.qcow2", only="files", path="/etc/hostname").same
    assert door.diff(host.folder / "other.qcow2", one, only="files", path="/etc/hostname").same
    with pytest.raises(HostError, match="libvirt has no domain web"):
        door.domain("web", connect=host.uri)
    with pytest.raises(UsageError, match="one guest is named"):
        door.domain("web1", volume="images/x")
    running = door.domain("web1", connect=host.uri)
    with pytest.raises(ImageInUse, match="web1 is running"):
        door.write(running, "/etc/motd", b"", write=True)
    every = door.domains(connect=host.uri)
    assert [one.name for one in every if one.problem] == ["gone"]
    with pytest.raises(HostError, match="is not there"):
        door.df(next(one for one in every if one.name == "gone"))
    assert "web1" not in {one.name for one in door.domains(inactive=True, connect=host.uri)}


# -- every command ------------------------------------------------------------------------------------------

# Commands with an image that are about files, not guests; and why.
FILES_ONLY = {
    "create": "it makes one",
    "recover": "of an edit that was cut, the message names the image",
    "wipe": "a file is wiped, not a guest",
}


def test_every_command_with_an_image_takes_a_guest() -> None:
    taken: dict[str, set[str]] = {}
    for option in shown():
        taken.setdefault(option.command, set()).add(option.long)
    opens = {name for name, words in taken.items() if words & {"--backing-policy", "--key"}}
    words = {"--domain", "--domain-xml", "--vol", "--connect"}
    assert {name for name in opens if not words <= taken[name]} == set(FILES_ONLY) & opens
