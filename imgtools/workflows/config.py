"""Read and set single values of a guest's configuration files, through the lenses of Augeas."""

from __future__ import annotations

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
        view = view_files(image, request)
        split = [(*split_path(view.files, path), value) for path, value in settings]
        changes: list[Change] = [
            EditConfig(file, tuple(ConfigSetting(node, value) for _, node, value in group), lens)
            for file, group in groupby(split, lambda one: one[0])
        ]
        return carry_out(image, changes, view, target, progress=progress)


def split_path(files: GuestReader, path: str) -> tuple[str, str]:
    """Return the file and the node within it that an Augeas path means; ``/files`` may be left out.

    :raises NoSuchGuestFile: no beginning of it is a file of the guest.
    """
    bare = path.removeprefix(ROOT) if path.startswith(f"{ROOT}/") else path
    if not bare.startswith("/"):
        raise UsageError(f"not a path: {path!r}", hint="write /files/etc/ssh/sshd_config/PermitRootLogin")
    here, rest = "/", [part for part in bare.split("/") if part]
    while rest:
        here = join(here, rest.pop(0))
        if files.is_file(here):
            return here, "/".join(rest)
        if not files.is_dir(here):
            break
    raise NoSuchGuestFile(f"no such file in the guest: {here}", path=here)


def _read(request: ImageRequest, paths: Sequence[str], lens: str, question: Question) -> ConfigReport:
    with open_request(request) as image:
        view = view_files(image, request)
        opened: dict[str, ConfigFile] = {}
        found: list[ConfigValue] = []
        for path in paths:
            file, node = split_path(view.files, path)
            if file not in opened:
                opened[file] = open_config(view.files, file, lens)
            found += question(opened[file], file, node)
        return ConfigReport(str(request.host_path), view.files.served_by, tuple(found), view.warnings)


def _get(config: ConfigFile, file: str, node: str) -> list[ConfigValue]:
    if not config.match(node):
        raise NoSuchGuestFile(
            f"no such node: {ROOT}{file}/{node}",
            path=file,
            hint=f"see: imgtools config match IMAGE '{ROOT}{file}/*'",
        )
    return [ConfigValue(f"{ROOT}{file}/{node}" if node else f"{ROOT}{file}", config.get(node))]


def _match(config: ConfigFile, file: str, node: str) -> list[ConfigValue]:
    return [ConfigValue(f"{ROOT}{file}/{one}", config.get(one)) for one in config.match(node or "*")]
