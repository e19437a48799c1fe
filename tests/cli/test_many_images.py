"""Commands that take several images: each answers for itself, and one that is broken stops no other."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from imgtools.cli.command.listing import command_modules
from imgtools.cli.command.several import COMMANDS
from tests.support.command import Ran, imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import copy_image, fixture_image
from tools.options import read

# What stands behind the command and before the images, and behind them.
ALL = {
    "audit": (("--only", "ssh-*"), ()),
    "check": ((), ()),
    "df": ((), ()),
    "filesystems": ((), ()),
    "find": (("--name", "passwd"), ("/etc",)),
    "info": ((), ()),
    "inspect": ((), ()),
    "sysprep": (("--verify",), ()),
}
each_command = pytest.mark.parametrize("command", ALL)
CODES = {"sysprep": 1}  # what the good image ends with: a finding


class Images(NamedTuple):
    """Two images with a guest and one that is cut."""

    good: Path
    cut: Path
    other: Path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("images")
    found = Images(*(folder / name for name in ("good.qcow2", "cut.qcow2", "other.qcow2")))
    base = copy_image(fixture_image("debian"), folder)
    format = json.loads(qemu_img("info", "--output=json", base))["format"]
    for image in (found.good, found.other):
        qemu_img("create", "-q", "-f", "qcow2", "-b", base.name, "-F", format, image)
    found.cut.write_bytes(found.good.read_bytes()[:200])
    return found


def ask(command: str, *words: str | Path, code: int | None = None, behind: bool = True) -> Ran:
    before, after = ALL[command]
    return imgtools(command, *before, *words, *(after if behind else ()), code=code)


def on_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def summary(ran: Ran) -> str:
    return ran.err.splitlines()[-1]


def test_hints_name_the_commands_that_take_several() -> None:
    taking = [name for name in command_modules() if "--images-from" in read(name).options]
    assert [word.partition(" ")[0] for word in COMMANDS] == taking == list(ALL)


# -- each command -------------------------------------------------------------------------------------------


@each_command
def test_a_broken_image_stops_no_other(command: str, images: Images) -> None:
    ran = ask(command, *images, code=10)
    marks = {line.partition("\t")[0] for line in ran.out.splitlines()} - {"Image"}
    assert marks == {str(images.good), str(images.other)}
    assert f"imgtools: {images.cut}: header" in ran.err
    assert summary(ran).startswith("imgtools: 3 images: 2 answered")
    assert summary(ran).endswith("1 failed: 1 BadImage (exit code 10)")


@each_command
def test_two_at_a_time_say_the_same(command: str, images: Images) -> None:
    one, two = (ask(command, "-P", number, *images, code=10) for number in ("1", "2"))
    assert sorted(one.out.splitlines()) == sorted(two.out.splitlines())
    assert summary(one) == summary(two)


@each_command
def test_an_appliance_that_nobody_needs_is_not_shared(command: str, images: Images) -> None:
    each, shared = (ask(command, *words, *images, code=10) for words in ((), ("--share-appliance",)))
    assert (shared.out, shared.err) == (each.out, each.err)


@each_command
def test_json_lines_are_an_envelope_for_each_image(command: str, images: Images) -> None:
    ran = ask(command, "--json-lines", "-P", "2", *images, code=10)
    documents = {one["image"]: one for one in map(json.loads, ran.out.splitlines())}
    assert {name: one["ok"] for name, one in documents.items()} == {
        str(image): image != images.cut for image in images
    }
    alone = ask(command, "--json", images.good).json
    told = documents[str(images.good)]
    assert told["schema"] == alone["schema"] and told["data"] == alone["data"]
    assert documents[str(images.cut)]["error"]["class"] == "BadImage"
    assert documents[str(images.cut)]["schema"] == "imgtools.error/1"


@each_command
def test_one_image_is_asked_as_ever(command: str, images: Images) -> None:
    """A process of its own, for the sake of a limit, changes nothing of what is said."""
    alone = ask(command, images.good, code=CODES.get(command, 0))
    limited = ask(command, "--time-limit", "600", images.good, code=CODES.get(command, 0))
    assert (limited.out, limited.err) == (alone.out, alone.err)
    line = ask(command, "--json-lines", images.good).json
    document = ask(command, "--json", images.good).json
    assert line == {"image": str(images.good), **document}


@pytest.mark.parametrize("command", [name for name in ALL if name != "df"])
def test_json_is_one_document_with_all_envelopes(command: str, images: Images) -> None:
    ran = ask(command, "--json", "-P", "2", *images, code=10)
    assert ran.json["schema"] == "imgtools.many/1"
    assert [one["image"] for one in ran.data["answers"]] == [str(image) for image in images]
    assert [one["ok"] for one in ran.data["answers"]] == [True, False, True]
    told = ran.data["summary"]
    assert (told["images"], told["answered"], told["failed"]) == (3, 2, 1)
    assert told["reasons"] == [{"error": "BadImage", "exit_code": 10, "count": 1}]


def test_df_has_a_document_of_its_own(images: Images) -> None:
    ran = imgtools("df", "--json", "-P", "2", *images, code=10)
    assert ran.json["schema"] == "imgtools.df/1"
    good, cut, other = ran.data["images"]
    assert good["filesystems"] == other["filesystems"] != []
    assert (cut["engine"], cut["filesystems"], cut["exit_code"]) == (None, [], 10)
    assert [one["path"] for one in ran.json["warnings"]] == [str(images.cut)]


def test_csv_has_one_head(images: Images) -> None:
    lines = imgtools("df", "--csv", images.good, images.other).out.splitlines()
    alone = imgtools("df", "--csv", images.good).out.splitlines()
    assert lines[0] == alone[0] and lines[1 : len(alone)] == alone[1:]
    assert lines[len(alone) :] == [line.replace("good.qcow2", "other.qcow2") for line in alone[1:]]


def test_find_has_names_and_paths_for_xargs(images: Images) -> None:
    words = imgtools("find", "-0", "--name", "hostname", images.good, images.other, "/etc").out.split("\0")
    assert words == [str(images.good), "/etc/hostname", str(images.other), "/etc/hostname", ""]


# -- lists --------------------------------------------------------------------------------------------------


def odd_names(folder: Path) -> list[bytes]:
    """Images with names that are trouble."""
    names = [b"two words.img", b" ", b"new\nline.img", b"caf\xe9.img", b"-0", b"tab\there"]
    whole = [os.fsencode(folder) + b"/" + name for name in names]
    for name in whole:
        Path(os.fsdecode(name)).write_bytes(bytes(1 << 20))
    return whole


def test_names_from_find_print0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = odd_names(tmp_path)
    on_stdin(monkeypatch, b"".join(name + b"\0" for name in names))
    ran = imgtools("info", "--no-partitions", "--json-lines", "--images0-from", "-", "-P", "2")
    found = {one.get("image_b64", one["image"]) for one in map(json.loads, ran.out.splitlines())}
    assert len(found) == len(names) and f"{tmp_path}/new\nline.img" in found
    assert summary(ran) == f"imgtools: {len(names)} images: {len(names)} answered"


def test_a_name_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in odd_names(tmp_path) if b"\n" not in name]
    on_stdin(monkeypatch, b"\n".join(names))  # the last line may have no end
    ran = imgtools("info", "--no-partitions", "--images-from", "-")
    assert f"{tmp_path}/caf\\xe9.img\tformat\traw" in ran.out.splitlines()
    assert summary(ran) == f"imgtools: {len(names)} images: {len(names)} answered"


def test_a_list_in_a_file_joins_the_words(tmp_path: Path, images: Images) -> None:
    (tmp_path / "list").write_text(f"\n{images.other}\n\n")
    ran = imgtools("find", "--name", "hostname", "--images-from", tmp_path / "list", images.good, "/etc")
    assert ran.out.splitlines() == [f"{image}\t/etc/hostname" for image in (images.good, images.other)]


def test_a_list_of_one_is_marked_as_one_of_many_is(tmp_path: Path, images: Images) -> None:
    (tmp_path / "list").write_text(f"{images.good}\n")
    ran = imgtools("find", "--name", "hostname", "--images-from", tmp_path / "list", "/etc")
    assert ran.out == f"{images.good}\t/etc/hostname\n"


def test_an_empty_list_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    on_stdin(monkeypatch, b"\n")
    ran = imgtools("df", "--images-from", "-")
    assert (ran.out, ran.err) == ("", "imgtools: 0 images: 0 answered\n")


def test_a_list_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such file" in imgtools("df", "--images-from", tmp_path / "list", code=3).err
    on_stdin(monkeypatch, b"a.img\0b.img\0")
    assert "--images0-from" in imgtools("df", "--images-from", "-", code=2).err


# -- words that are about one image -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "--xml"),
        ("filesystems", "--svg", "picture.svg"),
        ("check", "--repair", "all", "--write"),
        ("check", "--repair", "all", "--output", "new.qcow2"),
        ("sysprep",),
        ("sysprep", "--write"),
        ("info", "--add", "more.img"),
        ("df", "--json", "--json-lines"),
        ("inspect", "--time-limit", "0"),
    ],
    ids=" ".join,
)
def test_what_is_about_one_image_is_refused_at_once(words: tuple[str, ...]) -> None:
    ran = imgtools(*words, "a.img", "b.img", code=2)
    assert ran.out == "" or not ran.json["ok"]
    assert len(ran.err.splitlines()) == 2


def test_find_wants_a_path_behind_several_images(images: Images) -> None:
    ran = imgtools("find", images.good, os.path.relpath(images.other), code=2)
    assert "stands where the PATH in the guest does" in ran.err


@pytest.mark.parametrize("command", ALL)
def test_no_image_at_all(command: str) -> None:
    ran = ask(command, code=2, behind=False)
    assert "no image is named" in ran.err and "--images-from" in ran.err


def test_a_second_image_elsewhere_is_told_where_several_go(images: Images) -> None:
    ran = imgtools("map", images.good, images.other, code=2)
    assert "df" in ran.err and "inspect" in ran.err


# -- what a process can do ----------------------------------------------------------------------------------


def in_process(monkeypatch: pytest.MonkeyPatch, name: str, do: str) -> None:
    """Have the process of the image of this name hang, crash or have a bug."""
    import imgtools.workflows.info as workflow

    describe = workflow.describe_image

    def instead(request: object, **more: object) -> object:
        if request.host_path.name == name:  # type: ignore[attr-defined]
            if do == "hang":
                time.sleep(600)
            if do == "crash":
                signal.signal(signal.SIGSEGV, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGSEGV)
            raise ZeroDivisionError("oops")
        return describe(request, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(workflow, "describe_image", instead)


@pytest.mark.parametrize(
    ("do", "kind", "exit_code"),
    [("hang", "EngineTimeout", 33), ("crash", "EngineFailed", 30), ("bug", "Bug", 70)],
)
def test_what_one_image_does_to_its_process(
    do: str, kind: str, exit_code: int, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_process(monkeypatch, "other.qcow2", do)
    limit = ("--time-limit", "3") if do == "hang" else ()
    words = ("info", "--no-partitions", *limit, "--json", "-P", "2", images.other, images.good)
    if exit_code == 70:  # which the helper takes for one of ours, otherwise
        with pytest.raises(AssertionError, match="oops"):
            imgtools(*words)
        return
    ran = imgtools(*words, code=exit_code)
    failed, good = ran.data["answers"]
    assert good["ok"] and failed["error"]["class"] == kind and failed["error"]["exit_code"] == exit_code
    assert ran.data["summary"]["reasons"] == [{"error": kind, "exit_code": exit_code, "count": 1}]


PROGRAM = """
import os, sys, time
from pathlib import Path
import imgtools.workflows.info as workflow
from imgtools.cli.app import main

def wait(request, **more):
    note = Path(sys.argv[1], str(os.getpid()))
    try:
        note.touch()
        time.sleep(600)
    finally:
        note.unlink()

workflow.describe_image = wait
main(["info", "-P", "2", "a.img", "b.img", "c.img"])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_all_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        until(lambda: len(list(tmp_path.iterdir())) == 2)
        processes = [int(note.name) for note in tmp_path.iterdir()]
        program.send_signal(number)
        out, _ = program.communicate(timeout=60)
    assert program.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert out == b""
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in processes))
    assert not list(tmp_path.iterdir())


def until(happened: object) -> None:
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.02)
    assert happened()  # type: ignore[operator]


def test_an_answer_comes_when_it_is_there(images: Images, tmp_path: Path) -> None:
    """The first row does not wait for the last image."""
    program = PROGRAM.replace(
        "try:", "if request.host_path.name == 'good.qcow2': return real(request)\n    try:"
    )
    program = program.replace("def wait", "real = workflow.describe_image\n\ndef wait")
    program = program.replace('"-P", "2", "a.img", "b.img", "c.img"', f'{str(images.good)!r}, "b.img"')
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith(os.fsencode(images.good))
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)


def test_a_count_is_for_programs_too(images: Images) -> None:
    ran = imgtools("info", "--no-partitions", "--progress", "json", images.good, images.other)
    counts = [json.loads(line)["progress"] for line in ran.err.splitlines() if line.startswith("{")]
    assert counts[-1].items() >= {"stage": "info", "done": 2, "total": 2, "failed": 0}.items()
