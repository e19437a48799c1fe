"""Registry hives: what is read from them, dirty ones with their logs, and damaged ones."""

from __future__ import annotations

import random
import struct
import sys
import types

import pytest

from imgtools.engine.confined.worker import Worker
from imgtools.engine.hive import Hive, load_hivex, open_hive
from imgtools.engine.hive_log import checksum, marvin32
from imgtools.errors import NoSuchRegistryKey, OddGuest, ToolMissing
from tests.support.hives import log_entry, make_hive, new_log, old_log, with_class, with_sequences

SAMPLE = make_hive(
    {
        "Select": {"Current": 1, "": "the default"},
        "Microsoft\\Windows NT\\CurrentVersion": {"ProductName": "Windows 10 Pro", "Größe": "groß"},
        "Größe\\Unter": {"x": 7},
        "Types": {
            "expand": (2, "%SystemRoot%\0".encode("utf-16-le")),
            "unterminated": (1, "abc".encode("utf-16-le")),
            "odd": (1, b"a\0b"),
            "multi": ["one", "two"],
            "empty multi": (7, b"\0\0"),
            "big endian": (5, b"\0\0\1\0"),
            "quad": (11, (2**40).to_bytes(8, "little")),
            "short dword": (4, b"\1"),
            "blob": b"x" * 100_000,
            "own type": (0x1F4, b""),
        },
    }
)


def test_keys_and_values_are_found_in_any_letter_case() -> None:
    with open_hive(SAMPLE, "SYSTEM") as hive:
        key = hive.key("MICROSOFT\\windows nt\\currentVERSION")
        assert key is not None
        assert key.path == "Microsoft\\Windows NT\\CurrentVersion"
        assert key.text("PRODUCTNAME") == "Windows 10 Pro"
        # hivex itself folds only ASCII letters.
        assert key.text("GRÖßE") == "groß"
        below = hive.key("GRÖßE\\unter")
        assert below is not None and below.number("X") == 7
        assert hive.key("GRÖSSE\\unter") is None  # to Windows a sharp s has no capital: another name


def test_values_by_type() -> None:
    with open_hive(SAMPLE, "SYSTEM") as hive:
        key = hive.root.require("Types")
        assert key.text("expand") == "%SystemRoot%"
        assert key.text("unterminated") == "abc"
        assert key.text("odd") == "a"
        assert key.number("big endian") == 256
        assert key.number("quad") == 2**40
        assert key.number("short dword") is None
        assert key.text("quad") == ""
        multi, empty, own = key.value("multi"), key.value("empty multi"), key.value("own type")
        assert multi is not None and multi.texts == ("one", "two")
        assert empty is not None and empty.texts == ()
        assert own is not None and own.type_name == "REG_0x1f4"
        blob = key.value("blob")
        assert blob is not None and blob.data == b"x" * 100_000
        default = hive.root.require("Select").value("")
        assert default is not None and default.text == "the default"


def test_what_is_not_there() -> None:
    with open_hive(SAMPLE, "SYSTEM") as hive:
        assert hive.key("Nowhere\\At all") is None
        assert hive.root.require("Select").value("Nothing") is None
        with pytest.raises(NoSuchRegistryKey, match=r"SYSTEM: Select\\Nothing") as caught:
            hive.root.require("Select").require("Nothing")
        assert caught.value.path == "Select\\Nothing"


def test_walk_meets_every_key_once() -> None:
    with open_hive(SAMPLE, "SYSTEM") as hive:
        paths = [key.path for key in hive.root.walk()]
    assert paths[0] == ""
    assert paths.index("Microsoft") < paths.index("Microsoft\\Windows NT\\CurrentVersion")
    assert len(paths) == len(set(paths)) == 8


def test_a_closed_hive_is_not_read() -> None:
    with open_hive(SAMPLE, "SYSTEM") as hive:
        key = hive.root
    with pytest.raises(ValueError, match="closed"):
        key.subkeys()


# -- hives that were not closed cleanly ---------------------------------------------------------------------

BEFORE = make_hive({"Select": {"Current": 1}})
AFTER = make_hive({"Select": {"Current": 2}})
LATEST = make_hive({"Select": {"Current": 3}})


def current(hive: Hive) -> int | None:
    return hive.root.require("Select").number("Current")


def test_a_clean_hive_ignores_its_logs() -> None:
    """Windows does so too, even if the log is newer."""
    with open_hive(BEFORE, "SYSTEM", [new_log(BEFORE, AFTER, 99)]) as hive:
        assert not hive.state.dirty
        assert current(hive) == 1


def test_a_dirty_hive_is_brought_up_to_date_from_both_logs() -> None:
    dirty = with_sequences(BEFORE, 8, 7)
    logs = [new_log(BEFORE, AFTER, 7), new_log(AFTER, LATEST, 8)]
    for order in (logs, logs[::-1]):
        with open_hive(dirty, "SYSTEM", order) as hive:
            assert (hive.state.dirty, hive.state.replayed) == (True, 2)
            assert current(hive) == 3


def test_a_log_may_make_the_hive_longer() -> None:
    longer = make_hive({"Select": {"Current": 2, "blob": b"y" * 50_000}})
    with open_hive(with_sequences(BEFORE, 8, 7), "SYSTEM", [new_log(BEFORE, longer, 7)]) as hive:
        value = hive.root.require("Select").value("blob")
        assert value is not None and len(value.data) == 50_000


def test_replay_stops_at_a_gap() -> None:
    log = new_log(BEFORE, AFTER, 7) + log_entry(AFTER, LATEST, 9)
    with open_hive(with_sequences(BEFORE, 8, 7), "SYSTEM", [log]) as hive:
        assert (hive.state.replayed, current(hive)) == (1, 2)


def test_replay_stops_at_a_damaged_entry() -> None:
    bad = bytearray(log_entry(AFTER, LATEST, 8))
    bad[100] ^= 1
    log = new_log(BEFORE, AFTER, 7) + bytes(bad)
    with open_hive(with_sequences(BEFORE, 8, 7), "SYSTEM", [log]) as hive:
        assert (hive.state.replayed, current(hive)) == (1, 2)


@pytest.mark.parametrize("logs", [[], [b""], [b"garbage" * 200], [new_log(BEFORE, AFTER, 3)]])
def test_a_dirty_hive_without_a_fitting_log_says_so_and_is_read_as_it_is(logs: list[bytes]) -> None:
    with open_hive(with_sequences(BEFORE, 8, 7), "SYSTEM", logs) as hive:
        assert (hive.state.dirty, hive.state.replayed) == (True, 0)
        assert current(hive) == 1


def test_a_damaged_base_block_comes_back_from_the_log() -> None:
    broken = BEFORE[:40] + b"\xff\xff\xff\xff" + BEFORE[44:]
    with open_hive(broken, "SYSTEM", [new_log(BEFORE, AFTER, 7)]) as hive:
        assert (hive.state.replayed, current(hive)) == (1, 2)


def test_the_log_of_older_windows() -> None:
    with open_hive(with_sequences(BEFORE, 8, 7), "SYSTEM", [old_log(BEFORE, AFTER, 8)]) as hive:
        assert (hive.state.replayed, current(hive)) == (1, 2)


def test_an_old_log_of_another_time_is_not_applied() -> None:
    other = bytearray(BEFORE)
    struct.pack_into("<Q", other, 12, 1)
    with open_hive(with_sequences(bytes(other), 8, 7), "SYSTEM", [old_log(BEFORE, AFTER, 8)]) as hive:
        assert (hive.state.replayed, current(hive)) == (0, 1)


def test_marvin32() -> None:
    """Test vectors of the .NET runtime: a wrong checksum here would refuse every log of a real Windows."""
    seed = 0x004FB61A001BDBCC
    assert marvin32(b"\xaf", seed) == 0x48E73FC77D75DDC1
    assert marvin32(b"\x15\x3f\xb7\x98\x26", seed) == 0xE6C08C6DA2AFA997
    assert marvin32(b"\xab\x42\x7e\xa8\xd1\x0f\xc7", seed) == 0xE11847E4F0678C41


# -- damage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"regf", b"MZ" + bytes(5000), bytes(8192)])
def test_not_a_hive(content: bytes) -> None:
    with pytest.raises(OddGuest, match="not a registry hive: /Windows/x"), open_hive(content, "/Windows/x"):
        pass


def test_a_hive_cut_short() -> None:
    with pytest.raises(OddGuest, match="cut short: SYSTEM has 6000 of"), open_hive(SAMPLE[:6000], "SYSTEM"):
        pass


def test_a_hive_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        def read(self, size: int) -> bytes:
            return bytes(size)

    monkeypatch.setattr("imgtools.engine.hive.MAX_HIVE", 3 << 20)
    with pytest.raises(OddGuest, match="larger than 3 MiB"), open_hive(Endless(), "SYSTEM"):  # type: ignore[arg-type]
        pass


def test_random_damage_gives_answers_or_named_errors_and_nothing_else(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """hivex survives damage; so must we: no crash, no other exception, nothing on stderr, no endless walk."""
    chance = random.Random(2024)
    refused = 0
    for _ in range(200):
        content = bytearray(SAMPLE)
        for _ in range(chance.randrange(1, 40)):
            content[chance.randrange(4096, 12000)] = chance.randrange(256)
        try:
            with open_hive(bytes(content), "SYSTEM") as hive:
                for key in hive.root.walk():
                    [(value.text, value.texts, value.number) for value in key.values()]
        except OddGuest as error:
            assert "SYSTEM" in error.message
            refused += 1
    assert refused > 10
    assert capfd.readouterr().err == ""


# -- the binding ----------------------------------------------------------------------------------------------


def test_without_the_binding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hivex", None)
    with pytest.raises(ToolMissing, match="not installed") as caught:
        load_hivex()
    assert "python3-hivex" in caught.value.hint


def test_another_program_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = types.ModuleType("hivex")
    wrong.__file__ = "/somewhere/hivex.py"
    monkeypatch.setitem(sys.modules, "hivex", wrong)
    with pytest.raises(ToolMissing, match="not the registry library: /somewhere/hivex"):
        load_hivex()


# -- what Windows leaves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("swapped", [False, True])
def test_a_log_that_begins_above_the_number_of_the_hive(swapped: bool) -> None:
    """Windows 10 leaves such: 12/11 in the hive, and 40 and 41 in its logs."""
    logs = [new_log(BEFORE, AFTER, 40), new_log(AFTER, LATEST, 41)]
    with open_hive(with_sequences(BEFORE, 12, 11), "SYSTEM", logs[::-1] if swapped else logs) as hive:
        assert (hive.state.replayed, current(hive)) == (2, 3)


def test_replay_begins_with_the_first_entry_of_a_log_only() -> None:
    """An entry behind a gap says nothing of what was lost in it."""
    log = new_log(BEFORE, AFTER, 5) + log_entry(AFTER, LATEST, 40)
    with open_hive(with_sequences(BEFORE, 12, 11), "SYSTEM", [log]) as hive:
        assert (hive.state.replayed, current(hive)) == (0, 1)


def test_the_hives_own_number_comes_first() -> None:
    logs = [new_log(BEFORE, LATEST, 40), new_log(BEFORE, AFTER, 11)]
    with open_hive(with_sequences(BEFORE, 12, 11), "SYSTEM", logs) as hive:
        assert (hive.state.replayed, current(hive)) == (1, 2)


def test_an_entry_of_an_earlier_round_ends_a_log() -> None:
    log = new_log(BEFORE, AFTER, 40) + log_entry(AFTER, LATEST, 30) + log_entry(AFTER, LATEST, 41)
    with open_hive(with_sequences(BEFORE, 12, 11), "SYSTEM", [log]) as hive:
        assert (hive.state.replayed, current(hive)) == (1, 2)


LONG = make_hive({"Select": {"Current": 7, "blob": b"y" * 50_000}})


@pytest.mark.parametrize("rubbish", [b"A" * 8192, b"x", bytes(4096), b"hbin" + bytes(4092)])
def test_what_is_behind_the_last_bin_does_not_count(rubbish: bytes) -> None:
    size = int.from_bytes(LONG[40:44], "little")
    with open_hive(LONG[: 4096 + size] + rubbish, "SYSTEM") as hive:
        assert current(hive) == 7


def test_more_bins_than_the_base_block_says() -> None:
    """The base block was not written any more."""
    head = bytearray(LONG[:512])
    struct.pack_into("<I", head, 40, 4096)
    struct.pack_into("<I", head, 508, checksum(bytes(head)))
    with open_hive(bytes(head) + LONG[512:], "SYSTEM") as hive:
        value = hive.root.require("Select").value("blob")
        assert value is not None and len(value.data) == 50_000


@pytest.mark.parametrize("log", [new_log(BEFORE, AFTER, 7), old_log(BEFORE, AFTER, 8)])
@pytest.mark.parametrize("lost", [bytes(512), b"XXXX" + BEFORE[4:512]])
def test_a_base_block_that_is_lost_comes_back_from_a_log(log: bytes, lost: bytes) -> None:
    with open_hive(lost + BEFORE[512:], "SYSTEM", [log]) as hive:
        assert (hive.state.dirty, hive.state.replayed, current(hive)) == (True, 1, 2)


def test_a_damaged_base_block_without_a_log_that_fits_is_read_as_it_is() -> None:
    other = bytearray(BEFORE)
    other[508] ^= 1
    with open_hive(bytes(other), "SYSTEM", []) as hive:
        assert (hive.state.dirty, hive.state.replayed, current(hive)) == (True, 0, 1)


def test_a_class_that_lies_outside_of_its_cell_is_none() -> None:
    good = with_class(make_hive({"Lsa": {}}), "Lsa", "3e8aa1c4")
    at = good.find(b"Lsa") - 76
    for place, form, wrong in (
        (48, "<I", 0x7FFFFFFF),
        (48, "<I", 0xFFFFFFFF),
        (74, "<H", 0xFFFF),
        (74, "<H", 0),
    ):
        bad = bytearray(good)
        struct.pack_into(form, bad, at + place, wrong)
        with open_hive(bytes(bad), "x") as hive:
            assert [key.class_name for key in hive.root.subkeys()] == [""]
    with open_hive(good, "x") as hive:
        assert [key.class_name for key in hive.root.subkeys()] == ["3e8aa1c4"]


def test_letters_that_only_look_alike_in_capitals_are_names_of_their_own() -> None:
    keys = {"straße": {"ß": 1, "ss": 2}, "STRASSE": {"v": 3}}
    with open_hive(make_hive(keys), "/SYSTEM") as hive:
        names = [key.name for key in (hive.key("STRAßE"), hive.key("strasse")) if key is not None]
        assert names == ["straße", "STRASSE"]
        key = hive.root.require("straße")
        assert (key.number("ß"), key.number("SS")) == (1, 2)


def test_many_keys_are_looked_into_in_few_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question to the worker for each of 700 services would take longer than all the rest of an inspection."""
    hive_bytes = make_hive({f"Services\\{number:03d}": {"n": number} for number in range(700)})
    with open_hive(hive_bytes, "SYSTEM") as hive:
        asked: list[str] = []
        ask = Worker.ask

        def counted(self: Worker, method: str, *arguments: object) -> object:
            asked.append(method)
            return ask(self, method, *arguments)

        monkeypatch.setattr(Worker, "ask", counted)
        key = hive.root.require("Services")
        assert [one.number("n") for one in key.each_subkey()] == list(range(700))
        assert [one.name for one in key.each_subkey()] == [f"{number:03d}" for number in range(700)]
        assert len(asked) < 10


def test_keys_with_long_values_are_looked_into_too() -> None:
    """One answer takes 1 MiB of values: what is not in it is asked for by itself."""
    hive_bytes = make_hive({f"x\\{number}": {"v": bytes([number]) * 300_000} for number in range(9)})
    with open_hive(hive_bytes, "SYSTEM") as hive:
        found = [one.value("v") for one in hive.root.require("x").each_subkey()]
        assert [(one.data[0], len(one.data)) for one in found if one is not None] == [
            (number, 300_000) for number in range(9)
        ]


def test_a_key_that_was_looked_into_knows_those_below_it_in_any_letter_case() -> None:
    with open_hive(SAMPLE, "SYSTEM") as hive:
        key = hive.root.require("Microsoft")
        assert key.subkeys()
        assert key.subkey("WINDOWS nt") is not None
        assert key.subkey("windows") is None and key.subkey("windows nt2") is None
        assert hive.root.subkeys() and hive.root.subkey("größE") is not None


def test_keys_that_share_a_long_value_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hive of 1 MiB in which 200 keys point to one value of 900 KiB has 180 MiB to tell."""
    made = bytearray(
        make_hive({"big": {"v": b"x" * 900_000}} | {f"key{n:03d}": {"v": n} for n in range(200)})
    )
    nodes = [at for at in range(4096, len(made), 8) if made[at + 4 : at + 6] == b"nk"]
    named = {bytes(made[at + 80 : at + 80 + made[at + 76]]): at for at in nodes}
    values = made[named[b"big"] + 40 : named[b"big"] + 48]
    for name, at in named.items():
        if name.startswith(b"key"):
            made[at + 40 : at + 48] = values
    with open_hive(bytes(made), "SYSTEM") as hive:
        assert all(key.value("v") for key in hive.root.each_subkey())
    monkeypatch.setattr("imgtools.engine.confined.hive.MOST_OF_SMALL", 0)
    with open_hive(bytes(made), "SYSTEM") as hive, pytest.raises(OddGuest, match="share values"):
        for key in hive.root.each_subkey():
            key.values()
