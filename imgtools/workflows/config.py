"""Read and set single values of a guest's configuration files, through the lenses of Augeas."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from imgtools.change.change import Change, ConfigSetting, EditConfig
from imgtools.errors import NoSuchGuestFile, UsageError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.config import ConfigFile, open_config
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import open_request
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.writing import PlanReport, carry_out, open_for

ROOT = "/files"
# One name of a path; a backslash takes the letter behind it as it is.
_STEP = re.compile(r"/((?:[^\\/\[]|\\.)+)", re.DOTALL)
_LITERAL = re.compile(r"""\\.|'[^']*'|"[^"]*\"""", re.DOTALL)
_TOKEN = re.compile(f"{_LITERAL.pattern}|.", re.DOTALL)
# What leads to nodes of other files, which are not loaded: a path from the top, a union, a variable.
_OTHER_FILE = re.compile(r"/files/|/augeas\b|\||\$[A-Za-z_]")


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """One node: its whole Augeas path, and its value; None: it has none of its own."""

    path: str
    value: str | None


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """The nodes that were asked for, in the order asked."""

    image: str
    engine: Engine
    values: tuple[ConfigValue, ...]
    warnings: tuple[Warned, ...] = ()


Question = Callable[[ConfigFile, str, str], list[ConfigValue]]


def get_values(request: ImageRequest, paths: Sequence[str], *, lens: str = "") -> ConfigReport:
    """Return the values of nodes such as ``/files/etc/ssh/sshd_config/PermitRootLogin``.

    :raises NoSuchGuestFile: the file or the node is not there.
    :raises OddGuest: the file does not parse; the message has the line.
    :raises UsageError: the expression does not parse, matches several nodes, or no lens knows the file.
    """
    return _read(request, paths, lens, _get)


def match_nodes(request: ImageRequest, paths: Sequence[str], *, lens: str = "") -> ConfigReport:
    """Return the nodes that the expressions match, with their values; none is an answer too."""
    return _read(request, paths, lens, _match)


def change_values(
    request: ImageRequest,
    target: Target,
    settings: Sequence[tuple[str, str | None]],
    *,
    lens: str = "",
    progress: Progress | None = None,
) -> PlanReport:
    """Set nodes to values, or remove those whose value is None, each file in one edit.

    :raises NoSuchGuestFile: a file is not there.
    :raises OddGuest: a file does not parse.
    """
    with open_for(request, target) as image:
        view = view_files(image, request, change=True)
        split = [
            (*split_path(view.files, part), value)
            for path, value in settings
            for part in (split_union(path) if value is None else [path])
        ]
        changes: list[Change] = [
            EditConfig(file, tuple(ConfigSetting(node, value) for _, node, value in group), lens)
            for file, group in groupby(split, lambda one: one[0])
        ]
        return carry_out(image, changes, view, target, progress=progress)


def split_path(files: GuestReader, path: str) -> tuple[str, str]:
    """Return the file and the node within it that an Augeas path means; ``/files`` may be left out.

    What stands behind the file's path is kept byte by byte: ``//`` and predicates mean something there.

    :raises NoSuchGuestFile: no beginning of it is a file of the guest.
    :raises UsageError: it is no path, or names nodes of another file too.
    """
    bare = path.removeprefix(ROOT) if path.startswith(f"{ROOT}/") else path
    if not bare.startswith("/"):
        raise UsageError(f"not a path: {path!r}", hint="write /files/etc/ssh/sshd_config/PermitRootLogin")
    here, rest = "/", bare
    while step := _STEP.match(rest):
        here, rest = join(here, re.sub(r"\\(.)", r"\1", step[1])), rest[step.end() :]
        if files.is_file(here):
            if _OTHER_FILE.search(_LITERAL.sub("", rest)):
                raise UsageError(f"an expression is about one file: {path}")
            return here, rest.removeprefix("/")
        if not files.is_dir(here):
            break
    raise NoSuchGuestFile(f"no such file in the guest: {here}", path=here)


def split_union(path: str) -> list[str]:
    """Return the expressions that a union, ``A | B``, is made of; one that is none is its only part."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(path):
        depth += {"[": 1, "]": -1}.get(token, 0)
        if token == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts]


def _read(request: ImageRequest, paths: Sequence[str], lens: str, question: Question) -> ConfigReport:
    with open_request(request) as image:
        view = view_files(image, request)
        opened: dict[str, ConfigFile] = {}
        found: list[ConfigValue] = []
        parts = paths if question is _get else [part for path in paths for part in split_union(path)]
        for path in parts:
            file, node = split_path(view.files, path)
            if file not in opened:
                opened[file] = open_config(view.files, file, lens)
            found += question(opened[file], file, node)
        values = tuple(dict.fromkeys(found))  # as libaugeas does, a node in both parts of a union is one
        return ConfigReport(request.name, view.files.served_by, values, view.warnings)


def _get(config: ConfigFile, file: str, node: str) -> list[ConfigValue]:
    if not config.match(node):
        raise NoSuchGuestFile(
            f"no such node: {_whole(file, node)}",
            path=file,
            hint=f"see: imgtools config match IMAGE '{ROOT}{file}/*'",
        )
    return [ConfigValue(_whole(file, node), config.get(node))]


def _match(config: ConfigFile, file: str, node: str) -> list[ConfigValue]:
    return [ConfigValue(_whole(file, one), config.get(one)) for one in config.match(node or "*")]


def _whole(file: str, node: str) -> str:
    return f"{ROOT}{file}{'' if not node or node.startswith('[') else '/'}{node}"
