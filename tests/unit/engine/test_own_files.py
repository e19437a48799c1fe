"""Files of ours in folders of others: new, private, never through a link, and nothing is waited for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from imgtools.engine.own_files import (
    NotOurs,
    half_name,
    make_own,
    open_own,
    read_own,
    remove_halves,
    write_own,
)


def test_a_new_file_is_private_and_new(tmp_path: Path) -> None:
    place = tmp_path / "new"
    os.close(make_own(place))
    assert place.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for taken in (place, tmp_path / "link"):
        with pytest.raises(NotOurs, match="in the way"):
            make_own(taken)
    assert not (tmp_path / "nothing").exists()


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    refused: list[str] = []

    def look(flags: int) -> None:
        with pytest.raises(NotOurs) as caught:
            open_own(tmp_path / "fifo", flags)
        refused.append(caught.value.message)

    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        thread = threading.Thread(target=look, args=(flags,), daemon=True)
        thread.start()
        thread.join(30)
    assert len(refused) == 3 and all("no regular file" in words for words in refused)


def test_a_file_is_written_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "file"
    write_own(place, b"one")
    assert read_own(place, 2) == b"on" and place.stat().st_mode & 0o777 == 0o600

    def full(path: Path, target: Path) -> Path:
        raise OSError("no room")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no room"):
        write_own(place, b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and read_own(place, 9) == b"one"


def test_names_of_halves_cannot_be_foreseen_and_are_swept(tmp_path: Path) -> None:
    place = tmp_path / "odd[1]*"
    assert half_name(place) != half_name(place)
    half = half_name(place)
    half.touch()
    (tmp_path / "odd1x.half-01234567").touch()
    link = half_name(place)
    link.symlink_to("odd1x.half-01234567")
    assert remove_halves(place) == [half] and link.is_symlink()
