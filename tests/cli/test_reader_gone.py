"""A reader that goes away early (``| head``) is no error, and not "something was found" either."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disks import qemu_img


@pytest.mark.parametrize("words", [("map", "{}"), ("map", "--json", "{}"), ("info", "{}"), ("--help",)])
def test_exit_code_of_a_pipe_without_reader(tmp_path: Path, words: tuple[str, ...]) -> None:
    image = tmp_path / "d.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "1M")
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "imgtools", *(word.format(image) for word in words)]
    done = subprocess.run(argv, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def run(*words: object, stdout: int) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "imgtools", *map(str, words)]
    return subprocess.run(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


@pytest.fixture(params=["no reader", "full", "closed"])
def lost(request: pytest.FixtureRequest) -> Iterator[int]:
    """A standard output that takes nothing."""
    if request.param == "no reader":
        read, write = os.pipe()
        os.close(read)
    else:  # what is opened for reading refuses as what is closed does
        write = os.open(
            *(("/dev/full", os.O_WRONLY) if request.param == "full" else (os.devnull, os.O_RDONLY))
        )
    yield write
    os.close(write)


@pytest.mark.parametrize("json", [False, True])
def test_what_is_done_is_done_without_a_report(tmp_path: Path, lost: int, json: bool) -> None:
    image = tmp_path / "d.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "1M")
    done = run("resize", "--write", *(["--json"] if json else []), image, "2M", stdout=lost)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "2 MiB" in qemu_img("info", image)


@pytest.mark.parametrize("words", [("info", "{}"), ("info", "--json", "{}"), ("map", "{}"), ("--help",)])
def test_an_output_that_takes_nothing_is_a_named_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    image = tmp_path / "d.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "1M")
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = run(*(word.format(image) for word in words), stdout=full)
    finally:
        os.close(full)
    assert (done.returncode, done.stderr) == (
        3, "imgtools: cannot write to standard output: No space left on device\n",
    )  # fmt: skip


def test_the_error_itself_is_what_counts(tmp_path: Path, lost: int) -> None:
    done = run("info", "--json", tmp_path / "nothing", stdout=lost)
    assert done.returncode == 3 and done.stderr.startswith("imgtools: no such file")
    assert len(done.stderr.splitlines()) == 1


def test_no_image_gets_the_number_of_a_closed_output(tmp_path: Path) -> None:
    """What is printed would be written into it, were it open for writing."""
    image = tmp_path / "d.raw"
    image.write_bytes(bytes(1 << 20))
    words = f"exec {sys.executable} -m imgtools resize --write {image} 2M <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", words], check=False).returncode == 0
    assert image.read_bytes() == bytes(2 << 20)


def test_ctrl_c_while_it_is_loaded_is_no_traceback() -> None:
    text = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'imgtools.cli.app': os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from imgtools.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
