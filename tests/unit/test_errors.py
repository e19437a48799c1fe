"""What errors say: a guest's string of any length does not fill a screen."""

from __future__ import annotations

import io
import json

import pytest

from imgtools.cli.output.documents import error_envelope
from imgtools.cli.output.output import Output
from imgtools.engine.hive import open_hive
from imgtools.errors import LONGEST_MESSAGE, LONGEST_NAME, OddGuest, shorten
from tests.support.hives import make_hive


@pytest.mark.parametrize("length", [0, LONGEST_NAME, LONGEST_NAME + 1, 500_000])
def test_a_long_name_keeps_its_beginning_and_its_end(length: int) -> None:
    text = "a" * (length // 2) + "b" * (length - length // 2)
    cut = shorten(text)
    assert len(cut) == min(length, LONGEST_NAME)
    assert cut == text if length <= LONGEST_NAME else (cut[:60], cut[-60:]) == ("a" * 60, "b" * 60)


def test_a_message_is_a_line_whatever_it_holds() -> None:
    said = io.StringIO()
    Output(stderr=said).warn("x" * 500_000)
    assert len(said.getvalue()) < LONGEST_MESSAGE + 100
    document = json.dumps(error_envelope(OddGuest("y" * 500_000, hint="z" * 500_000)))
    assert len(document) < 2 * LONGEST_MESSAGE + 500


def test_the_names_of_keys_are_cut() -> None:
    with (
        open_hive(make_hive({"Select": {"Current": 1}}), "SYSTEM") as hive,
        pytest.raises(OddGuest) as caught,
        hive.reading("K" * 500_000),
    ):
        raise RuntimeError("no")
    assert len(caught.value.message) < 500
