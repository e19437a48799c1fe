"""Keys and values that are made, set and removed, as other readers find them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imgtools.engine.hive import Hive, open_hive
from imgtools.engine.hive_log import BASE_BLOCK, checksum
from imgtools.engine.regf.cells import Cells
from imgtools.engine.regf.editor import HiveEditor
from imgtools.engine.regf.keys import KeyNode, folded, name_hash, read_subkeys
from imgtools.engine.regf.security import SECURITY
from imgtools.errors import OddGuest, UsageError
from tests.support.hive_readers import Tree, as_libregf_tells, by_hivex, by_libregf
from tests.support.hives import make_hive, with_class

NOW = 132_000_000_000_000_000
SMALL = make_hive({"A\\B": {"old": "text"}, "Select": {"Current": 1}})


def edited(hive: bytes = SMALL, now: int = NOW) -> HiveEditor:
    return HiveEditor(hive, "/SYSTEM", now)


@contextmanager
def reopened(editor: HiveEditor) -> Iterator[Hive]:
    hive = editor.finish()
    assert hive is not None
    with open_hive(hive, "/SYSTEM") as opened:
        yield opened


# -- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "length",
    [0, 1, 3, 4, 5, 8, 4096, 16343, 16344, 16345, 2 * 16344, 2 * 16344 + 1, 1 << 20],
)
def test_data_of_every_length(length: int) -> None:
    data = bytes(index % 251 for index in range(length))
    editor = edited()
    editor.set_value("A", "v", 3, data)
    editor.set_value("A", "other", 1, b"x\0\0\0")
    with reopened(editor) as hive:
        assert (key := hive.key("A")) is not None and [one.data for one in key.values()] == [data, b"x\0\0\0"]


def test_data_that_no_windows_takes_is_refused() -> None:
    editor = edited()
    with pytest.raises(UsageError, match="1048577 bytes"):
        editor.set_value("A", "v", 3, bytes((1 << 20) + 1))
    assert editor.finish() is None


def test_before_windows_2003_long_data_is_in_one_cell() -> None:
    old = bytearray(SMALL)
    struct.pack_into("<I", old, 24, 3)
    struct.pack_into("<I", old, 508, checksum(bytes(old)))
    editor = edited(bytes(old))
    editor.set_value("A", "v", 3, bytes(50_000))
    hive = editor.finish()
    assert hive is not None and b"db" not in hive[BASE_BLOCK:]
    again = edited(hive)
    found = again.value("A", "v")
    assert found is not None and len(found.data) == 50_000


def test_a_value_is_changed_whatever_its_letter_case_and_keeps_its_name() -> None:
    editor = edited()
    editor.set_value("a\\b", "OLD", 4, b"\1\0\0\0")
    with reopened(editor) as hive:
        assert [(one.name, one.number) for one in hive.root.require("A\\B").values()] == [("old", 1)]


def test_what_is_so_already_is_no_change() -> None:
    editor = edited()
    editor.set_value("A\\B", "old", 1, "text\0".encode("utf-16-le"))
    editor.make_key("A\\B")
    assert not editor.remove_value("A\\B", "none") and not editor.remove_key("none")
    assert editor.finish() is None


@pytest.mark.parametrize("name", ["x" * 16384, "a\0b"])
def test_names_of_values_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="not a name of a registry value"):
        edited().set_value("A", name, 1, b"")


def test_names_of_values_may_be_long_and_hold_backslashes() -> None:
    editor = edited()
    editor.set_value("A", "x" * 16383, 4, bytes(4))
    editor.set_value("A", "C:\\a\\日本", 4, bytes(4))
    with reopened(editor) as hive:
        assert [one.name for one in hive.root.require("A").values()] == ["x" * 16383, "C:\\a\\日本"]


# -- keys --------------------------------------------------------------------------------------------------------


def test_a_new_key_has_the_security_of_the_one_above_and_the_time_of_the_change() -> None:
    editor = edited()
    editor.make_key("A\\B\\New\\Below")
    hive = editor.finish()
    assert hive is not None
    cells = Cells(hive, "/SYSTEM")
    (shared,) = {node.security for node in all_nodes(cells)}
    assert SECURITY.unpack_from(cells.read(shared))[3] == len(all_nodes(cells))
    with open_hive(hive, "/SYSTEM") as opened:
        made = opened.root.require("A\\B\\New\\Below")
        assert made.modified == opened.root.require("A\\B").modified == (NOW - 116_444_736_000_000_000) * 100
        assert opened.root.require("Select").modified != made.modified


def all_nodes(cells: Cells) -> list[KeyNode]:
    found, todo = [], [cells.root]
    while todo:
        node = KeyNode.read(cells, todo.pop())
        found.append(node)
        todo += read_subkeys(cells, node.list, node.subkeys)[0]
    return found


def test_a_removed_key_takes_everything_below_with_it_and_nothing_is_left_in_the_file() -> None:
    editor = edited()
    editor.set_value("A\\B\\C", "secret", 3, b"SECRET" * 4000)
    first = editor.finish()
    assert first is not None
    editor = edited(first)
    assert editor.remove_key("a")
    hive = editor.finish()
    assert hive is not None and b"SECRET" not in hive
    assert set(by_hivex(hive)) == {"", "Select"}
    (shared,) = {node.security for node in all_nodes(Cells(hive, "/SYSTEM"))}
    assert SECURITY.unpack_from(Cells(hive, "/SYSTEM").read(shared))[3] == 2


def test_the_root_stays() -> None:
    with pytest.raises(UsageError, match="the root of a hive stays"):
        edited().remove_key("")


@pytest.mark.parametrize("name", ["x" * 256, "a\0b"])
def test_names_of_keys_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="not a name of a registry key"):
        edited().make_key(name)


@pytest.mark.parametrize(("depth", "is_taken"), [(511, True), (512, True), (513, False)])
def test_the_depth_of_keys(depth: int, is_taken: bool) -> None:
    editor = edited()
    if not is_taken:
        with pytest.raises(UsageError, match="513 others"):
            editor.make_key("\\".join("d" * depth))
        return
    editor.make_key("\\".join("d" * depth))
    assert editor.finish() is not None


@pytest.mark.parametrize("count", [506, 507, 508, 1014, 1015, 10_000])
def test_many_subkeys_are_found_in_their_order(count: int) -> None:
    editor = edited()
    for number in range(count):
        editor.make_key(f"Many\\k{number * 7919 % count}")
    hive = editor.finish()
    assert hive is not None
    with open_hive(hive, "/SYSTEM") as opened:
        names = [one.name for one in opened.root.require("Many").subkeys()]
    assert names == sorted((f"k{number}" for number in range(count)), key=str.upper)
    again = edited(hive)
    again.remove_key("Many\\k77")
    with reopened(again) as opened:
        assert len(opened.root.require("Many").subkeys()) == count - 1


def test_hashes_of_names() -> None:
    """As CmpHashUnicodeComponent computes them; the values are those of hivex's own sample hives."""
    assert name_hash("a") == ord("A")
    assert name_hash("ab") == ord("A") * 37 + ord("B")
    assert name_hash("Select") == name_hash("SELECT")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a", "A", True),
        ("é", "É", True),
        ("ß", "SS", False),
        ("ſ", "s", False),
        ("ı", "I", False),
        ("µ", "Μ", False),
    ],
)
def test_which_names_are_the_same(one: str, other: str, same: bool) -> None:
    assert (folded(one) == folded(other)) is same


def test_a_name_that_is_there_is_kept_byte_by_byte() -> None:
    """Others store letters in one byte that we put into two."""
    hive = SMALL.replace(b"old", b"\x80ld").replace(b"Select", b"Sel\x9fct")
    editor = edited(hive)
    editor.set_value("A\\B", "\x80LD", 4, bytes(4))
    editor.set_value("Sel\x9fct", "new", 4, bytes(4))
    made = editor.finish()
    assert made is not None and b"\x80ld" in made and b"Sel\x9fct" in made
    assert set(by_hivex(made)) == {"", "A", "A\\B", "Sel\x9fct"}


def test_classes_stay() -> None:
    editor = edited(with_class(SMALL, "Select", "Class"))
    editor.set_value("Select", "v", 4, bytes(4))
    with reopened(editor) as hive:
        assert hive.root.require("Select").class_name == "Class"


def test_a_link_is_not_written_to() -> None:
    hive = bytearray(SMALL)
    at = hive.find(b"nk", hive.find(b"Select") - 80)
    struct.pack_into("<H", hive, at + 2, struct.unpack_from("<H", hive, at + 2)[0] | 0x10)
    with pytest.raises(UsageError, match="Select is a link"):
        edited(bytes(hive)).set_value("Select", "v", 4, bytes(4))


@pytest.mark.parametrize("what", ["root", "list", "value"])
def test_damage_is_named(what: str) -> None:
    cells = Cells(SMALL, "/SYSTEM")
    root = KeyNode.read(cells, cells.root)
    at = {"root": cells.root, "list": root.list, "value": SMALL.find(b"vk") - 4 - BASE_BLOCK}[what]
    hive = bytearray(SMALL)
    hive[BASE_BLOCK + at + 4 : BASE_BLOCK + at + 6] = b"xx"
    with pytest.raises(OddGuest, match="damaged registry hive"):
        for path in ("A\\B", "Select"):
            edited(bytes(hive)).set_value(path, "old", 4, bytes(4))


# -- size --------------------------------------------------------------------------------------------------------


def test_a_thousand_edits_of_one_value_do_not_grow_a_hive() -> None:
    hive = SMALL
    for turn in range(1000):
        editor = edited(hive)
        editor.set_value("A", "v", 3, bytes([turn % 255 + 1]) * (turn * 31 % 3000))
        hive = editor.finish() or hive
    assert len(hive) <= len(SMALL) + 2 * 4096


def test_a_hive_of_which_much_is_unused_is_written_anew() -> None:
    editor = edited(with_class(SMALL, "Select", "Class"))
    for number in range(200):
        editor.set_value(f"Much\\k{number}", "v", 3, bytes([number + 1]) * 1000)
        editor.set_value("Long", f"v{number}", 3, bytes([number + 1]) * 20_000)
    large = editor.finish()
    assert large is not None
    kept = by_hivex(large)
    editor = edited(large)
    for number in range(150):
        editor.remove_value("Long", f"v{number}")
        del kept["Long"][f"v{number}"]
    small = editor.finish()
    assert small is not None and len(small) < len(large) * 0.4
    assert by_hivex(small) == kept
    cells = Cells(small, "/SYSTEM")
    assert cells.unused < cells.size // 4
    with open_hive(small, "/SYSTEM") as opened:
        assert opened.root.require("Select").class_name == "Class"


# -- anything ----------------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_characters="\\\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("\\".join)
DATA = st.binary(max_size=64) | st.sampled_from([bytes(16344), b"x" * 16345, b"y" * 40_000])
STEPS = st.one_of(
    st.tuples(st.just("make"), PATHS),
    st.tuples(st.just("set"), PATHS, NAMES | st.just(""), st.integers(0, 1 << 31), DATA),
    st.tuples(st.just("unset"), st.integers(0), st.integers(0)),
    st.tuples(st.just("remove"), st.integers(0)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rounds=st.lists(st.lists(STEPS, max_size=12), min_size=1, max_size=3))
@example(rounds=[[("set", "0", "", 1, bytes(3)), ("set", "0", "v", 2, bytes(16344))]])
def test_whatever_is_done_hivex_and_libregf_find_it(
    rounds: list[list[tuple[object, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    hive, model = SMALL, by_hivex(SMALL)
    for number, steps in enumerate(rounds):
        editor = edited(hive, NOW + number)
        for step in steps:
            carry_out(editor, model, step)
        hive = editor.finish() or hive
        assert by_hivex(hive) == model
    found = by_libregf(hive, tmp_path_factory.mktemp("hive"))
    assert as_libregf_tells(found, model) == as_libregf_tells(model, model)


def carry_out(editor: HiveEditor, model: Tree, step: tuple[object, ...]) -> None:
    """Do one step to a hive and to a model of it."""
    match step:
        case ("make", str(path)):
            editor.make_key(path)
            made(model, path)
        case ("set", str(path), str(name), int(type_), bytes(data)):
            editor.set_value(path, name, type_, data)
            values = model[made(model, path)]
            values[next((one for one in values if folded(one) == folded(name)), name)] = (type_, data)
        case ("unset", int(which), int(value)):
            path = sorted(model)[which % len(model)]
            if names := sorted(model[path]):
                assert editor.remove_value(path, names[value % len(names)])
                del model[path][names[value % len(names)]]
        case ("remove", int(which)):
            path = sorted(model)[which % len(model)]
            if path:
                assert editor.remove_key(path)
                for one in [one for one in model if f"{one}\\".startswith(f"{path}\\")]:
                    del model[one]


def made(model: Tree, path: str) -> str:
    """Make a key of the model with its parents; return its path as the model spells it."""
    here = ""
    for part in path.split("\\"):
        wanted = f"{here}\\{part}" if here else part
        here = next((one for one in model if folded(one) == folded(wanted)), wanted)
        model.setdefault(here, {})
    return here
