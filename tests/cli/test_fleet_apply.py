"""imgtools fleet apply: one change to many images, each changed as a whole or as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import imgtools
from tests.cli.test_fleet_killed import scheduler
from tests.support.command import imgtools as call
from tests.support.disks import qemu_img
from tests.support.edits import beside
from tests.support.fixtures import copy_image, fixture_image
from tests.support.fleet import Fleet, members, until

PLAN = [{"kind": "write-file", "path": "/etc/motd", "content": "hello fleet\n"}]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    found = Fleet(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    return found


def guests(fleet: Fleet, count: int, *, start: int = 1) -> list[Path]:
    """Guests that are alike: images/g1.qcow2 and so on."""
    first = fleet.folder / "original.qcow2"
    copy_image(fixture_image("debian"), fleet.folder).rename(first)
    paths = [fleet.folder / "images" / f"g{number}.qcow2" for number in range(start, start + count)]
    for path in paths:
        shutil.copyfile(first, path)
    return paths


def same(one: Path, other: Path) -> bool:
    """Whether two disks hold the same bytes."""
    ran = subprocess.run(["qemu-img", "compare", "-q", one, other], check=False)
    return ran.returncode == 0


def states(data: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {Path(one["image"]).name: one["state"] for one in data["answers"]}


def test_a_plan_is_shown_then_made_then_nothing_is_left_to_do_and_all_goes_back(fleet: Fleet) -> None:
    images = guests(fleet, 2)
    before = fleet.folder / "original.qcow2"
    shown = fleet.run("apply", "plan.json", "--", "images")
    row = "would change\twrite-file\t/etc/motd\tcreate /etc/motd (12)\n"
    assert shown.out.splitlines(keepends=True)[1:] == [f"images/g1.qcow2\t{row}", f"images/g2.qcow2\t{row}"]
    assert "2 would change" in shown.err and "--write does it" in shown.err
    assert all(same(one, before) for one in images)

    done = fleet.run("apply", "plan.json", "--write", "--undo", "back", "--json", "--", "images").data
    assert states(done) == {"g1.qcow2": "changed", "g2.qcow2": "changed"}
    assert [one["text"] for one in done["answers"][0]["changes"]] == ["create /etc/motd (12)"]
    assert call("cat", images[1], "/etc/motd").out == "hello fleet\n" and not beside(images[1])
    asked = "SELECT i.path, c.kind, c.path, p.written, r.kind FROM changes c JOIN answers a ON a.id = c.answer_id "
    asked += "JOIN images i ON i.id = a.image_id JOIN applied p ON p.answer_id = a.id JOIN runs r ON r.id = a.run_id"
    assert sorted(fleet.rows(asked)) == [
        (os.fspath(one), "write-file", "/etc/motd", 1, "apply") for one in images
    ]
    assert fleet.rows("SELECT count(*) FROM planned_changes") == [(2,)]

    again = fleet.run("apply", "plan.json", "--write", "--undo", "back", "--json", "--", "images").data
    assert states(again) == {"g1.qcow2": "nothing to do", "g2.qcow2": "nothing to do"}
    gone_on = fleet.run("apply", "plan.json", "--write", "--go-on", "2", "--json", "--", "images").data
    assert states(gone_on) == {"g1.qcow2": "as before", "g2.qcow2": "as before"} and gone_on["kept"] == 2
    for image, answer in zip(images, done["answers"], strict=True):
        assert (fleet.folder / "back" / "run-2").stat().st_mode & 0o777 == 0o700
        assert call("apply", image, answer["way_back"], "--write", "--json").data["written"]
        assert same(image, before)


def test_operations_have_the_options_of_their_commands(fleet: Fleet) -> None:
    (image,) = guests(fleet, 1)
    edit = ("edit", "-e", "s/^root:.*/root:x:0:0:r:\\/root:\\/bin\\/sh/", "/etc/passwd")
    for words, path in (
        (("--write", *edit), "/etc/passwd"),
        (("config", "set", "--write", "/files/etc/hostname/hostname", "web1"), "/etc/hostname"),
        (("sysprep", "--operations", "machine-id", "--write"), "/etc/machine-id"),
        (("customize", "--touch", "/etc/mark", "--write", "--write-file", "/etc/other:x"), "/etc/mark"),
    ):
        data = fleet.run("apply", *words, "--json", "--", "images").data
        (answer,) = data["answers"]
        assert answer["state"] == "changed" and path in [one["path"] for one in answer["changes"]], answer
    assert call("cat", image, "/etc/hostname").out == "web1\n"
    assert call("cat", image, "/etc/other").out.strip() == "x"
    shown = call("fleet", "apply", "sysprep", "--help").out
    assert "--operations" in shown and "--canary" in shown and "--hostname" in shown and "--undo" in shown


def test_a_canary_and_a_number_of_failures_stop_it(fleet: Fleet) -> None:
    images = guests(fleet, 3, start=2)
    (fleet.folder / "images" / "g1.qcow2").write_bytes(images[0].read_bytes()[:3000])
    words = ("apply", "plan.json", "--write", "--json", "--parallel", "1")
    ended = fleet.run(*words, "--canary", "1", "--", "images", code=1)
    assert states(ended.data) == {
        "g1.qcow2": "failed", **dict.fromkeys(("g2.qcow2", "g3.qcow2", "g4.qcow2"), "not tried"),
    }  # fmt: skip
    assert ended.data["stopped"] == "a canary failed" and "3 not tried: a canary failed" in ended.err
    ended = fleet.run(*words, "--max-failures", "0", "--", "images", code=1)
    assert ended.data["stopped"] == "1 failed, and at most 0 may" and ended.data["untried"] == 3
    assert all(same(one, fleet.folder / "original.qcow2") for one in images)
    data = fleet.run(
        *words, "--max-failures", "1", "--canary", "2", "--", "images/g[234]*", "images", code=1
    ).data
    assert states(data)["g1.qcow2"] == "failed" and data["changing"] == 3


def test_images_that_write_into_each_others_files_are_refused_by_name(fleet: Fleet) -> None:
    (base,) = guests(fleet, 1)
    overlays = [fleet.folder / "images" / f"{name}.qcow2" for name in ("o1", "o2")]
    for one in overlays:
        qemu_img("create", "-q", "-f", "qcow2", "-b", base.name, "-F", "qcow2", one)
    (fleet.folder / "images" / "again.qcow2").symlink_to("o1.qcow2")
    words = ("apply", "plan.json", "--write", "--")
    err = fleet.run(*words, "images/g1.qcow2", "images/o1.qcow2", code=59).err
    assert "images/o1.qcow2 stands on images/g1.qcow2" in err
    err = fleet.run(*words, "images/o1.qcow2", "images/again.qcow2", code=59).err
    assert "images/o1.qcow2 and images/again.qcow2 write into one file" in err
    assert not fleet.database.exists()
    # What stands on one base is changed alone: nobody writes to the base. A name that is said twice is one image.
    data = fleet.run(
        "apply", "plan.json", "--write", "--json", "--", *map(str, overlays), str(overlays[0])
    ).data
    assert data["changing"] == data["images"] == 2 and same(base, fleet.folder / "original.qcow2")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("plan.json", "--undo", "back", "--", "images"), 2, "--undo is about what is written"),
        (("plan.json", "--canary", "1", "--", "images"), 2, "--canary is about what is written"),
        (("plan.json", "--write", "--go-on", "7", "--", "images"), 57, "there is no run 7"),
        (("none.json", "--", "images"), 3, "cannot read the plan none.json"),
        (("odd.json", "--", "images"), 2, "no such kind: 'fly'"),
        (("plan.json", "--", "nothing.d"), 1, "nothing.d"),
        (("sysprep", "--enable", "none", "--", "images/g1.qcow2"), 1, "none"),
        (("sysprep", "--nonsense", "--", "images"), 2, "--nonsense"),
        (("config", "get", "--", "images"), 2, "config is set or delete"),
        (("config", "set", "/etc/hosts", "--", "images"), 2, "pairs of PATH and VALUE"),
        (("edit", "/etc/fstab", "--", "images"), 2, "no terminal"),
        (("edit", "-e", "s/x", "/etc/fstab", "--", "images"), 2, "s/x"),
        (("customize", "--password", "root:random", "--", "images"), 2, "one random password"),
        (("sysprep", "--write"), 2, "no image is named"),
        (
            ("customize", "--password", "root:file:pw", "--scheduler", "tcp://127.0.0.1:9", "--", "images"),
            2,
            "secrets would go to tcp://127.0.0.1:9",
        ),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    fleet: Fleet, words: tuple[str, ...], code: int, said: str
) -> None:
    (image,) = guests(fleet, 1)
    (fleet.folder / "odd.json").write_text('[{"kind": "fly", "path": "/x"}]')
    (fleet.folder / "pw").write_text("Geheim1!")
    before = image.read_bytes()
    err = fleet.run("apply", *words, code=code).err
    assert said in err and "Geheim" not in err, err
    assert image.read_bytes() == before and not beside(image)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_whoever_ends_it_finds_each_image_old_or_new_and_calls_it_again(
    fleet: Fleet, number: signal.Signals
) -> None:
    images = guests(fleet, 4)
    call("apply", images[0], fleet.folder / "plan.json", "--write")
    with fleet.start("apply", "plan.json", "--write", "--parallel", "2", "--", "images") as program:
        until(lambda: fleet.answered() >= 2)
        os.killpg(program.pid, number)
        _, err = program.communicate(timeout=60)
    until(lambda: not members(program.pid), 30)
    if number is signal.SIGINT:
        assert program.returncode == 130 and "goes on from there" in err and "Traceback" not in err, err
        assert fleet.rows("SELECT state FROM runs") == [("cut",)]
    found = [call("cat", one, "/etc/motd", code=None).out for one in images if not beside(one)]
    assert set(found) <= {"", "hello fleet\n"} and found.count("hello fleet\n") >= 2
    untouched = [one for one in images if not beside(one) and same(one, fleet.folder / "original.qcow2")]
    data = fleet.run("apply", "plan.json", "--write", "--json", "--", "images").data
    assert data["failed"] == 0 and data["changing"] + data["unchanged"] == 4
    assert data["changing"] >= len(untouched)
    assert all(call("cat", one, "/etc/motd").out == "hello fleet\n" and not beside(one) for one in images)


def test_workers_elsewhere_and_one_that_is_killed(fleet: Fleet) -> None:
    images = guests(fleet, 4)
    with scheduler(fleet) as cluster:
        words = ("apply", "plan.json", "--write", "--undo", "back", "--scheduler", cluster.address, "--json")
        with fleet.start(*words, "--", "images") as program:
            until(lambda: fleet.answered() >= 1)
            cluster.workers[0].kill()
            out, err = program.communicate(timeout=120)
        assert program.returncode == 0, err
    answers = json.loads(out)["data"]["answers"]
    # One whose worker was killed when it had been written says that there is nothing left to do, and has its way back.
    assert {one["state"] for one in answers} <= {"changed", "nothing to do"}
    assert all(Path(one["way_back"]).is_file() for one in answers)
    assert all(call("cat", one, "/etc/motd").out == "hello fleet\n" for one in images)


def test_programs_make_one_change_to_many_images(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    images = guests(fleet, 2)
    monkeypatch.chdir(fleet.folder)
    heard: list[str] = []
    tell: Callable[[imgtools.ChangedImage], None] = lambda one: heard.append(one.state)  # noqa: E731
    verb = partial(imgtools.sysprep, operations="machine-id")
    report = imgtools.fleet_apply(verb, ["images"], write=True, told=tell, parallel=1)
    assert heard == ["changed", "changed"] and report.changing == 2 and report.exit_code == 0
    change = imgtools.WriteFile("/etc/motd", b"x\n")
    assert imgtools.fleet_apply([change], images, parallel=1).answers[0].state == "would change"
    with pytest.raises(imgtools.errors.UsageError, match="lambda"):
        imgtools.fleet_apply(lambda image: None, images)
