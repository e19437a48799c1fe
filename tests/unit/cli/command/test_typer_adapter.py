"""Everything private of typer that we use, used once: a release that takes it away or turns it fails here."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from imgtools.cli.command.option_names import old, old_names
from imgtools.cli.command.typer_adapter import (
    HELP,
    Complaint,
    Context,
    Declared,
    Given,
    HelpFormatter,
    HouseCommand,
    HouseGroup,
    WrongWords,
    complaint,
    declared,
    first_argument,
    given_in_order,
    made,
    panel_of,
    spellings,
    taken,
    without,
)

Format = Annotated[
    str | None,
    typer.Option("--format", "-f", metavar="FORMAT", help="It.", rich_help_panel="P"),
    old("--fmt", "-F"),
]


def one_command(function: Any, kind: type[HouseCommand] = HouseCommand, **old_spellings: str) -> Any:
    app = typer.Typer(add_completion=False)
    app.command("one", cls=kind)(function)
    found = made(app)
    found.name = "one"
    found.old_names = {name.replace("_", "-"): now for name, now in old_spellings.items()}
    return found


def plain(
    image: Path,
    format: Format = None,
    name: Annotated[list[str] | None, typer.Option("--name", "-n")] = None,
    human: Annotated[bool, typer.Option("--human-readable", "-h")] = False,
    other: Annotated[list[str] | None, typer.Option("--other")] = None,
) -> None:
    """Do it."""


@pytest.mark.parametrize("words", [["--fmt", "raw"], ["--fmt=raw"], ["-F", "raw"], ["-Fraw"], ["-f", "raw"]])
def test_an_old_name_is_parsed_and_not_shown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = one_command(plain, **{"--fmt": "--format", "-F": "--format"})
    context = found.make_context("one", ["d.img", *words])
    assert context.params["format"] == "raw"
    help = context.get_help() + capsys.readouterr().out  # rich prints it at once
    assert "--format" in help and "--fmt" not in help and "-F" not in help


def test_h_is_help_where_it_is_nothing_else() -> None:
    def short(image: Path) -> None: ...

    settings = {"help_option_names": HELP}
    for function, ends in ((short, True), (plain, False)):
        found = one_command(function)
        found.context_settings = settings
        if ends:
            with pytest.raises(typer.Exit):
                found.make_context("one", ["-h"])
        else:
            assert found.make_context("one", ["-h", "d.img"]).params["human"] is True
    context = found.make_context("one", ["d.img"])
    assert found.get_help_option_names(context) == ["--help"]
    found = one_command(short)
    found.context_settings = settings
    assert found.get_help_option_names(found.make_context("one", ["d.img"])) == ["--help", "-h"]


def test_options_are_given_in_order() -> None:
    found = one_command(plain)
    words = ["--name", "a", "--other=--name", "d.img", "-h", "-nb", "--", ]  # fmt: skip
    assert given_in_order(found.make_context("one", words)) == (
        Given("name", "a"), Given("other", "--name"), Given("human", True), Given("name", "b"), Given("image", "d.img"),
    )  # fmt: skip


def test_a_function_gets_its_own_call() -> None:
    """What typer does for an annotation of typer.Context; the order is asked of it."""
    seen: list[Given] = []

    def ordered(
        context: typer.Context, name: Annotated[list[str] | None, typer.Option("--name")] = None
    ) -> None:
        seen.extend(given_in_order(context))

    one_command(ordered).main(["--name", "b", "--name", "a"], standalone_mode=False)
    assert seen == [Given("name", "b"), Given("name", "a")]


def test_words_may_be_arranged_first() -> None:
    class Backwards(HouseCommand):
        def arranged(self, words: list[str]) -> list[str]:
            return words[::-1]

    found = one_command(plain, Backwards)
    context = found.make_context("one", ["x", "--name", "d.img"])
    assert (context.params["image"], context.params["name"]) == ("d.img", ("x",))
    assert given_in_order(context) == (Given("name", "x"), Given("image", "d.img"))


def test_a_complaint_says_what_and_where() -> None:
    found = one_command(plain, **{"--fmt": "--format"})
    with pytest.raises(WrongWords) as unknown:
        found.make_context("one", ["--fromat"])
    told = complaint(unknown.value)
    assert isinstance(told, Complaint)
    assert (told.message, told.path, told.option) == ("No such option: --fromat", "one", "--fromat")
    assert "--format" in told.near and not told.is_help
    with pytest.raises(WrongWords) as near_old:
        found.make_context("one", ["--fm"])
    assert "--fmt" not in complaint(near_old.value).near
    with pytest.raises(WrongWords) as missing:
        found.make_context("one", [])
    assert "Missing argument" in complaint(missing.value).message and complaint(missing.value).option == ""


def test_only_errors_about_words_are_taken_for_such() -> None:
    assert issubclass(typer.BadParameter, WrongWords)
    assert not issubclass(ValueError, WrongWords) and WrongWords not in (Exception, BaseException)


def test_no_words_are_told_by_the_help() -> None:
    class Group(HouseGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return ["one"]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return one_command(plain) if cmd_name == "one" else None

        def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
            with formatter.section("Here"):
                formatter.write_dl([("one", "Do it.")])

    app = typer.Typer(cls=Group, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    app.callback()(lambda: None)
    group = made(app)
    with pytest.raises(WrongWords) as nothing:
        group.make_context("group", [])
    told = complaint(nothing.value)
    assert told.is_help and "Here:" in told.message and "one  Do it." in told.message


def parameter(annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(
        "the_name", inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def test_a_declaration_is_read() -> None:
    said = declared(parameter(Format))
    assert isinstance(said, Declared)
    assert (said.spellings, said.metavar, said.text, said.panel) == (("-f", "--format"), "FORMAT", "It.", "P")
    assert not (said.hidden or said.counts or said.is_argument) and said.shows_default
    assert old_names(Format) == ("--fmt", "-F") and panel_of(Format) == "P"
    argument = declared(parameter(Annotated[Path, typer.Argument(metavar="IMAGE", show_default=False)]))
    assert argument is not None and argument.is_argument and not argument.shows_default
    counted = declared(parameter(Annotated[int, typer.Option("-v", count=True, hidden=True)]))
    assert counted is not None and counted.counts and counted.hidden
    unnamed = declared(parameter(Annotated[int, typer.Option()]))
    assert unnamed is not None and unnamed.spellings == ("--the-name",)
    assert declared(parameter(typer.Context)) is None and spellings(typer.Context) == ()


def test_a_letter_is_taken_out() -> None:
    less = without(Format, {"-f"})
    assert spellings(less) == ("--format",) and spellings(Format) == ("--format", "-f")
    assert old_names(less) == ("--fmt", "-F")

    def short(image: Path, format: less = None) -> None: ...  # type: ignore[valid-type]

    short.__annotations__["format"] = less
    assert set(taken(one_command(short))) == {"--format", "--help"}


def test_the_first_argument_is_found_behind_options_and_their_values() -> None:
    def function(
        plan: Annotated[str, typer.Argument()],
        images: Annotated[list[str] | None, typer.Argument()] = None,
        form: Format = None,
        often: Annotated[bool, typer.Option("--often")] = False,
    ) -> None: ...

    found = one_command(function)
    for words, place in (
        (["plan", "--no-option"], 0),
        (["--often", "--format", "a", "plan", "x"], 3),
        (["-fa", "plan", "-f", "b", "c"], 1),
        (["--format=a"], 1),
        (["--no-option", "plan"], 2),  # left for whoever parses it
        (["--format"], 1),
        ([], 0),
    ):
        assert first_argument(found, words) == place, words


def test_what_is_taken_is_told() -> None:
    words = taken(one_command(plain, **{"--fmt": "--format"}))
    assert words["--fmt"] == words["--format"] == words["-f"] == ("format", "value")
    assert words["--name"] == ("name", "values") and words["-h"] == ("human", "nothing")
