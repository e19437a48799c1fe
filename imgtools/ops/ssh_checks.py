"""What checks of the SSH server have in common: a setting as the server sees it, judged for all and in each block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from imgtools.files.tree import GuestReader
from imgtools.guest.health.sshd_lines import server_of
from imgtools.guest.health.sshd_values import SshdSettings, SshdValue, read_sshd, seconds
from imgtools.ops.check import Fix, Flaw, Seen
from imgtools.ops.facts import asked_once
from imgtools.ops.operation import Params
from imgtools.ops.ssh_plans import may_say, say_for_all
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown, NotThere

Look = Callable[[Examined, Params], Iterator[Seen]]
# Says what is wrong with a value; "" if nothing is.
Judge = Callable[[str, Params], str]
# The value that is better; "" where a person has to decide.
Wanted = Callable[[str, Params], str]
ON_COMMAND_LINE = "the server's command line says so: it is changed there"
ADVICE = "on the Red Hat family: update-crypto-policies; else leave them out of the list"
IN_BLOCK = "a block for some was made on purpose: whoever made it knows whether it has to be so"


@asked_once
def sshd_of(examined: Examined) -> SshdSettings | None:
    """Return the server's settings; None if there is no server, or it has no configuration."""
    return read_sshd(examined.files)


def no_server(files: GuestReader) -> NotThere:
    """Say why there is nothing to check."""
    return NotThere("the SSH server has no configuration" if server_of(files) else "no OpenSSH server")


def nothing(value: str, params: Params) -> str:
    """Leave the better value to a person."""
    return ""


def setting(keyword: str, judge: Judge, wanted: Wanted = nothing, advice: str = "") -> Look:
    """Return a look at one setting: what counts for all, and what each Match block makes of it.

    :param advice: what a person does, where ``wanted`` says nothing.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        settings = examined.once(sshd_of)
        if settings is None:
            yield no_server(examined.files)
            return
        value = settings.value(keyword)
        if value is None:
            # Of a release that nobody can tell: it is fine if it is so in all of them.
            could = settings.possible(keyword)
            if not could or any(judge(one, params) for one in could):
                yield NotKnown(_unknown(settings, keyword))
        elif text := judge(value.value, params):
            better = wanted(value.value, params)
            yield _flaw(examined, settings, keyword, value, text, better, advice)
        for one in settings.in_blocks(keyword):
            if text := judge(one.value, params):
                words = f"{text}, where the server matches {one.match}"
                shown = f"{keyword} {one.value}"
                yield Flaw(words, one.path, one.line, f"Match {one.match}", shown, advice=advice or IN_BLOCK)

    return look


def _unknown(settings: SshdSettings, keyword: str) -> str:
    if settings.lost:
        return f"{settings.lost[0]}, which may say {keyword}, is not there"
    return f"{keyword} is not said, and what this release of OpenSSH does by itself is not known"


def _flaw(
    examined: Examined,
    settings: SshdSettings,
    keyword: str,
    value: SshdValue,
    text: str,
    better: str,
    advice: str,
) -> Flaw:
    fix = saying(keyword, better) if better and may_say(examined.files, keyword) else None
    if not value.path:
        version = "" if settings.version is None else " {}.{}".format(*settings.version)
        shown = f"{keyword} {value.value} is what OpenSSH{version} does by itself"
    else:
        shown = f"{keyword} {value.value}"
    said = ON_COMMAND_LINE if value.on_command_line else advice
    return Flaw(
        text, value.path or settings.config, value.line, evidence=shown, fix=fix, advice="" if fix else said
    )


def saying(keyword: str, value: str) -> Fix:
    """Return the fix that makes a keyword have a value for all."""
    return lambda files: say_for_all(files, keyword, value)


def always_better(value: str) -> Wanted:
    """Want one value, whatever is there."""
    return lambda said, params: value


def parameter(name: str, unit: str = "") -> Wanted:
    """Want the value of a parameter of the check."""
    return lambda said, params: f"{getattr(params, name)}{unit}"


def one_of(bad: tuple[str, ...], text: str) -> Judge:
    """Judge that a value is none of these, in whatever letters."""
    return lambda value, params: text if value.split(" ")[0].lower() in bad else ""


def at_most(name: str, text: str, *, zero_is_bad: bool = False) -> Judge:
    """Judge that a number or a time is at most a parameter of the check; ``{}`` in the text is the value."""

    def judge(value: str, params: Params) -> str:
        number = seconds(value)
        if number is None:
            return ""
        bad = number > getattr(params, name) or (zero_is_bad and number == 0)
        return text.format(value) if bad else ""

    return judge


def without(name: str, text: str) -> Judge:
    """Judge that a list of algorithms has none of a parameter's patterns; ``{}`` in the text are those it has."""

    def judge(value: str, params: Params) -> str:
        weak = weak_of(value, getattr(params, name))
        return text.format(", ".join(weak)) if weak else ""

    return judge


def weak_of(value: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the algorithms of a list that patterns match."""
    return tuple(one for one in value.split(",") if any(fnmatchcase(one, each) for each in patterns))


def rest_of(name: str) -> Wanted:
    """Want the list without what a parameter's patterns match, if anything is left of it."""

    def wanted(value: str, params: Params) -> str:
        weak = weak_of(value, getattr(params, name))
        return ",".join(one for one in value.split(",") if one not in weak)

    return wanted
