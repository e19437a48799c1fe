"""`imgtools apply`: a plan is shown, carried out whole, or refused whole; a printed plan is a plan."""

import json
from pathlib import Path

from imgtools.change.document import KINDS
from imgtools.units import format_size
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

PLAN = """
- {kind: write-file, path: /etc/motd, content: "planned\\n"}
- {kind: make-directory, path: /srv/new, mode: "0750"}
- {kind: remove, path: /var/log/dpkg.log}
"""


def test_a_plan_is_shown_first_and_done_with_write(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    before = image.read_bytes()
    shown = imgtools("apply", image, plan)
    assert "make directory /srv/new" in shown.out
    assert image.read_bytes() == before
    done = imgtools("apply", image, plan, "--write", "--json")
    assert done.data["written"] is True
    assert imgtools("cat", image, "/etc/motd").out == "planned\n"
    assert "drwxr-x---" in imgtools("ls", "-l", image, "/srv").out


def test_what_one_image_was_planned_for_can_be_done_to_another(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    plan = tmp_path / "plan.json"
    printed = imgtools("mkdir", image, "/srv/again", "--json")
    plan.write_text(json.dumps(printed.json))
    imgtools("apply", image, plan, "--write")
    assert "again" in imgtools("ls", image, "/srv").out.split()


def test_a_plan_with_one_mistake_changes_nothing(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    before = image.read_bytes()
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN + "- {kind: remove, path: /no/such/file}\n")
    failed = imgtools("apply", image, plan, "--write", code=None)
    assert failed.code in range(20, 44)
    plan.write_text("- {kind: make-coffee, path: /srv}\n")
    unknown = imgtools("apply", image, plan, code=2)
    assert "make-coffee" in unknown.err
    assert image.read_bytes() == before


def test_no_size_is_shown_that_nobody_knows(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "- {kind: remove, path: /var/log/dpkg.log}\n- {kind: remove, path: /etc/ssh, recursive: true}\n"
        "- {kind: remove, path: /var/log, recursive: true, contents_only: true}\n"
    )
    size = imgtools("ls", image, "--json", "-l", "/var/log/dpkg.log").data["files"][0]["size"]
    shown = [line.split("\t")[2] for line in imgtools("apply", image, plan).out.splitlines()[1:]]
    assert shown[1:] == ["remove /etc/ssh and all below it", "remove everything in /var/log"]
    assert shown[0] == f"remove /var/log/dpkg.log ({format_size(size)})"


def test_the_help_shows_a_plan_and_every_kind_and_names_no_file_that_a_wheel_lacks() -> None:
    shown = imgtools("apply", "--help").out
    assert "docs/" not in shown and "{kind: write-file, path: /etc/motd" in " ".join(shown.split())
    words = "".join(shown.split())
    assert [kind for kind in KINDS if kind not in words] == []
