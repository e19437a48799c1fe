"""imgtools tail, as it is typed: held against tail itself, and following a file that another program writes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.cli import tail as tail_command
from tests.support.command import Ran, imgtools
from tests.support.memory import Content, directory, memory_guest_image, serve

TEXT = "".join(f"line {number}\n" for number in range(1, 30_001))
GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/log": TEXT,
    "/open": "one\ntwo",
    "/empty": "",
    "/dir": directory(),
}
Run = Callable[..., Ran]


@pytest.fixture
def tail(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*words: str, code: int = 0) -> Ran:
        serve(monkeypatch, "tail", memory_guest_image(GUEST))
        return imgtools("tail", "memory.img", *words, code=code)

    return run


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("/none",), 25, "no such file in the guest: /none"),
        (("/dir",), 25, "is a directory: /dir"),
        (("/log", "-n", "many"), 2, "not a number of lines: 'many'"),
        (("/log", "-n", "-3"), 2, "not a number of lines"),
        (("/log", "-c", "x"), 2, "x"),
        (("/log", "-f", "--json"), 2, "--follow does not end"),
        (("/none", "-f"), 25, "no such file in the guest: /none"),
    ],
)
def test_what_is_refused(tail: Run, words: tuple[str, ...], code: int, says: str) -> None:
    ran = tail(*words, code=code)
    assert says in ran.err
    assert not ran.out or "--json" in words


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-n", "1"),
        ("-n", "0"),
        ("-n", "9000"),
        ("-n", "99999"),
        ("-n", "+1"),
        ("-n", "+29999"),
        ("-n", "+99999"),
        ("-c", "5"),
        ("-c", "0"),
        ("-c", "+100"),
    ],
)
@pytest.mark.parametrize("name", ["log", "open", "empty"])
def test_tail_says_the_same(tail: Run, tmp_path: Path, words: tuple[str, ...], name: str) -> None:
    content = GUEST[f"/{name}"]
    assert isinstance(content, str)
    (tmp_path / name).write_text(content)
    said = subprocess.run(["tail", *words, name], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert tail(f"/{name}", *words).out == said.stdout


def test_the_document(tail: Run) -> None:
    data = tail("/open", "--json").data
    assert (data["path"], data["size"], data["content"]) == ("/open", 7, "one\ntwo")


def test_a_log_is_followed_and_its_rotation_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "tree"
    files = {"etc/os-release": "ID=debian\n", "etc/fstab": "", "bin/sh": "", "log/app": "1\n2\n"}
    for path, content in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(content)
    image = tmp_path / "disk.img"

    def write(*commands: str) -> None:
        script = tmp_path / "commands"
        script.write_text("\n".join(commands) + "\n")
        subprocess.run(["debugfs", "-w", "-f", str(script), str(image)], check=True, capture_output=True)

    def new(name: str, content: str, keep: str = "") -> list[str]:
        """The commands that make a file; with ``keep``, the file of that name stays, under another."""
        (tmp_path / "content").write_text(content)
        return [
            *([f"ln {name} {keep}", f"unlink {name}"] if keep else []),
            f"write {tmp_path}/content {name}",
        ]

    make = ["mke2fs", "-q", "-t", "ext4", "-d", str(top), str(image), "16M"]
    subprocess.run(make, check=True, capture_output=True)
    steps = iter(
        [
            lambda: None,
            lambda: write(*new("/log/app", "new\n", keep="/log/app.1")),
            lambda: write("rm /log/app"),
            lambda: write(*new("/log/app", "back\n")),
        ]
    )

    def pause(_seconds: float) -> None:
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr(tail_command, "sleep", pause)
    ran = imgtools("tail", image, "/log/app", "-n", "1", "-f", code=130)
    assert ran.out.splitlines() == ["2", "new", "back"]
    assert "while the guest runs" in ran.err
