"""What a command in the appliance writes is passed on to its end, and how it ended is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.engine.appliance.ports import CHANNELS, ERR, OUT, STATUS
from imgtools.engine.appliance.rescue_talk import UpTo, run_quietly
from imgtools.errors import ApplianceFailed
from imgtools.records.shell import Ended

MARK = b"0123456789abcdef"


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 30), min_size=1))
def test_a_stream_is_passed_on_up_to_its_mark(pieces: list[bytes], cuts: list[int]) -> None:
    content = b"".join(pieces).replace(MARK, b"")
    whole, taken, heard = content + MARK + b"later", 0, b""

    def hear(piece: bytes) -> None:
        nonlocal heard
        heard += piece

    stream, number, over = UpTo(MARK, hear), 0, False
    while not over:
        size = cuts[number % len(cuts)]
        over, taken, number = stream.take(whole[taken : taken + size]), taken + size, number + 1
    assert heard == content


class Appliance:
    """Its ends of the channels."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._listening = {}
        for name in CHANNELS:
            self._listening[name] = stack.enter_context(socket.socket(socket.AF_UNIX))
            self._listening[name].bind(str(folder / name))
            self._listening[name].listen()
        self._stack = stack

    def accepts(self) -> dict[str, socket.socket]:
        """Return its end of each channel."""
        return {
            name: self._stack.enter_context(self._listening[name].accept()[0]) for name in (STATUS, OUT, ERR)
        }

    def says(self, *words: tuple[str, bytes]) -> None:
        """Write on channels from a thread of its own, then end."""
        ends = self.accepts()

        def work() -> None:
            for name, content in words:
                ends[name].sendall(content)
            for end in ends.values():
                with suppress(OSError):  # whoever listened has heard enough
                    end.shutdown(socket.SHUT_WR)

        threading.Thread(target=work, daemon=True).start()


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    with ExitStack() as stack:
        yield Appliance(tmp_path, stack)


def run(folder: Path, appliance: Appliance, *words: tuple[str, bytes]) -> tuple[Ended, bytes, bytes]:
    out, err = bytearray(), bytearray()
    ended = run_quietly(folder, MARK, lambda: appliance.says(*words), out.extend, err.extend)
    return ended, bytes(out), bytes(err)


def test_the_code_and_both_streams(appliance: Appliance, tmp_path: Path) -> None:
    words = (
        (OUT, b"one\n"),
        (ERR, b"oops\n" + MARK),
        (STATUS, b"remounted\nbusy /sysroot\nexit 3\n"),
        (OUT, MARK),
    )
    ended, out, err = run(tmp_path, appliance, *words)
    assert (ended, out, err) == (Ended(3, ("/sysroot",), remounted=True), b"one\n", b"oops\n")


def test_what_it_has_written_is_heard_although_the_appliance_has_ended(
    appliance: Appliance, tmp_path: Path
) -> None:
    """The end of the channel that tells the code comes before the streams are read."""
    ends = {}

    def start() -> None:
        ends.update(appliance.accepts())
        ends[STATUS].sendall(b"exit 3\n")
        ends[STATUS].shutdown(socket.SHUT_WR)
        ends[OUT].sendall(b"one\n" + MARK)

    heard = bytearray()

    def hear(piece: bytes) -> None:
        heard.extend(piece)
        ends[ERR].sendall(MARK)

    assert run_quietly(tmp_path, MARK, start, hear, hear) == Ended(3)
    assert bytes(heard) == b"one\n"


def test_an_appliance_that_ends_is_an_error(appliance: Appliance, tmp_path: Path) -> None:
    with pytest.raises(ApplianceFailed, match="ended before its shell did"):
        run(tmp_path, appliance, (OUT, b"half"))


@pytest.mark.parametrize("code", [b"nonsense", b"-1", b"99999999999999999999x"])
def test_a_code_that_is_none_is_a_failure(code: bytes, appliance: Appliance, tmp_path: Path) -> None:
    ended, _, _ = run(tmp_path, appliance, (OUT, MARK), (ERR, MARK), (STATUS, b"exit " + code + b"\n"))
    assert ended.code == 255
