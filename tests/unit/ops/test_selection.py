"""Which operations run: virt-sysprep's words, and no word that does nothing."""

from dataclasses import dataclass

import pytest

from imgtools.errors import UsageError
from imgtools.ops.operation import Operation, Shelved
from imgtools.ops.selection import Selection, choose


@dataclass(frozen=True)
class Params:
    policy: str = "empty"
    users: tuple[str, ...] = ()
    hard: bool = False


def shelved(name: str, *, default: bool = True) -> Shelved:
    return Shelved(
        name, Operation("Do it", lambda guest, params: iter(()), default=default, params=Params), ""
    )


SHELF = {name: shelved(name) for name in ("logfiles", "machine-id")} | {
    "fs-uuids": shelved("fs-uuids", default=False)
}


def names(**words: tuple[str, ...]) -> list[str]:
    return [chosen.shelved.name for chosen in choose(SHELF, Selection(**words))]


def test_defaults_run_when_nothing_is_said() -> None:
    assert names() == ["logfiles", "machine-id"]


def test_enable_replaces_and_disable_takes_away() -> None:
    assert names(enable=("fs-uuids",)) == ["fs-uuids"]
    assert names(disable=("logfiles",)) == ["machine-id"]
    assert names(enable=("fs-uuids,logfiles",), disable=("logfiles",)) == ["fs-uuids"]


def test_operations_are_read_from_left_to_right() -> None:
    assert names(operations=("defaults,-logfiles",)) == ["machine-id"]
    assert names(operations=("all", "-machine-id,-logfiles")) == ["fs-uuids"]
    assert names(operations=("-logfiles,logfiles",)) == ["logfiles"]


def test_an_operation_asked_for_by_name_is_remembered() -> None:
    chosen = choose(SHELF, Selection(operations=("defaults,fs-uuids",)))
    assert {one.shelved.name: one.named for one in chosen} == {
        "fs-uuids": True,
        "logfiles": False,
        "machine-id": False,
    }


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ({"enable": ("machineid",)}, "no such operation: machineid", "did you mean machine-id?"),
        ({"operations": ("defaults,-xyzzy",)}, "no such operation: xyzzy", "see --list-operations"),
        ({"settings": ("fs-uuids.policy=x",)}, "the operation fs-uuids does not run", "add it"),
        ({"settings": ("machine-id=x",)}, "not a setting", "operation.parameter=value"),
        ({"settings": ("machine-id.polcy=x",)}, "machine-id has no parameter 'polcy'", "policy"),
        ({"settings": ("machine-id.hard=maybe",)}, "not yes or no", ""),
        ({"enable": ("logfiles",), "operations": ("all",)}, "do not go together", ""),
    ],
)
def test_a_word_that_would_do_nothing_is_an_error(
    words: dict[str, tuple[str, ...]], message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        names(**words)
    assert hint in caught.value.hint


def test_settings_become_parameters_of_the_right_type() -> None:
    settings = ("machine-id.policy=keep", "machine-id.users=a,b", "machine-id.hard=yes")
    (chosen,) = choose(SHELF, Selection(enable=("machine-id",), settings=settings))
    assert chosen.params == Params("keep", ("a", "b"), True)
