"""What an operation is, and how a shelf of them is read.

A module on a shelf that says ``OPERATION = Operation(...)`` *is* the operation: its file name is its name
(``machine_id.py`` -> ``machine-id``), its docstring its documentation. There is no list to extend.

An operation only reads the guest and yields what should change. So the dry run is the same code, a test is a
dict and a list, and two operations that want the same path are caught before anything is written.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_origin, get_type_hints

from imgtools.change.change import Change
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.records.orders import Order
from imgtools.records.system import OsType, Warned


@dataclass(frozen=True, slots=True)
class NoParams:
    """The parameters of an operation that has none."""


@dataclass(frozen=True, slots=True)
class Families:
    """Which guests an operation is for: kinds of systems and, if any are named, distribution families."""

    types: frozenset[OsType]
    distros: tuple[str, ...] = ()  # matched with ID and ID_LIKE, so derivatives are in

    def include(self, guest: Guest) -> bool:
        """Whether ``guest`` is one of them."""
        if guest.os.type not in self.types:
            return False
        return not self.distros or guest.os.is_family(*self.distros)


LINUX = Families(frozenset({OsType.LINUX}))
WINDOWS = Families(frozenset({OsType.WINDOWS}))
LINUX_OR_WINDOWS = Families(LINUX.types | WINDOWS.types)
UNIX = Families(frozenset({OsType.LINUX, OsType.FREEBSD, OsType.NETBSD, OsType.OPENBSD}))
ANY = Families(frozenset(OsType))


def like(*distros: str) -> Families:
    """Linux guests that are one of these distributions, or say that they are like one."""
    return Families(frozenset({OsType.LINUX}), distros)


@dataclass(frozen=True, slots=True)
class HostSide:
    """What the host gives to an order before a guest is looked at: secrets, and what was said for all orders."""

    ask: Callable[[str], str]  # asks a person for a secret, with a prompt
    network: bool = False
    password_method: str = ""


def as_given(text: str, host: HostSide) -> Order:
    """Return an order as it was written: the usual :attr:`Operation.read`."""
    return Order(text, network=host.network)


# The parameters are a frozen dataclass of the operation's own, which only its own ``plan`` looks into.
Params = Any


def nothing(guest: Guest) -> str:
    """Say that a guest lacks nothing: the usual :attr:`Operation.lacking`."""
    return ""


def no_objection(guest: Guest, params: Params) -> str:
    """Trust a plan: the usual :attr:`Operation.objection`."""
    return ""


def no_remarks(guest: Guest, params: Params) -> Iterable[Warned]:
    """Have nothing to say: the usual :attr:`Operation.remarks`."""
    return ()


def no_change(guest: Guest, change: Change) -> bool:
    """Tolerate nothing: the usual :attr:`Operation.tolerates`."""
    return False


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be done to a guest. ``summary`` is one line without a full stop."""

    summary: str
    plan: Callable[[Guest, Params], Iterator[Change]]
    families: Families = LINUX
    default: bool = True
    params: type = NoParams
    # Its work is never done for good, and reading cannot tell whether it was: a new random UUID. Such an
    # operation is planned each time, and --verify does not ask for it.
    repeats: bool = False
    # What a guest lacks that the operation is about, such as "no logical volumes"; "" if it is for this guest.
    lacking: Callable[[Guest], str] = nothing
    # Whether a template is fit all the same: somebody may have put this there once it was prepared.
    tolerates: Callable[[Guest, Change], bool] = no_change
    # Reads the fact again, in the guest as the plan leaves it and as the guest's own programs will read it: why what
    # was asked for does not come about; "" if it does.
    objection: Callable[[Guest, Params], str] = no_objection
    # What people should know besides the plan, of the guest as it is before: that something is left as it is.
    remarks: Callable[[Guest, Params], Iterable[Warned]] = no_remarks
    # On the repair shelf, its place among the repairs: partition tables 50, filesystems 100, fstab and its kin 200,
    # what starts the system 300 (files), 320 (initramfs), 400 (boot loader), the rest.
    order: int = 900
    notes: str = ""  # honest limits, shown in the docs
    # On the customize shelf, where the name is an option: what stands after it ("" makes it a switch), what the help
    # says besides the summary, and how an order is made of the text. The first two have to be plain strings: the
    # command line reads them from the source, so that help imports nothing.
    metavar: str = "TEXT"
    how: str = ""
    read: Callable[[str, HostSide], Order] = as_given


@dataclass(frozen=True, slots=True)
class Shelved:
    """An operation with the name and the documentation that its file gives it."""

    name: str
    operation: Operation
    doc: str

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """What ``--set NAME.parameter=value`` may set."""
        return tuple(field.name for field in fields(self.operation.params))


def load_shelf(package: str) -> Mapping[str, Shelved]:
    """Return the operations of a shelf by name, sorted; a module without OPERATION is not one."""
    path = importlib.import_module(package).__path__
    names = sorted(info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_"))
    modules = ((name, importlib.import_module(f"{package}.{name}")) for name in names)
    return {
        (dashed := name.replace("_", "-")): Shelved(dashed, module.OPERATION, (module.__doc__ or "").strip())
        for name, module in modules
        if hasattr(module, "OPERATION")
    }


def make_params(shelved: Shelved, values: Mapping[str, str]) -> Params:
    """Return the operation's parameters, from the texts of ``--set``.

    :raises UsageError: as :func:`read_params`.
    """
    return read_params(shelved.name, shelved.operation.params, values)


def read_params(name: str, kind: type, values: Mapping[str, str]) -> Params:
    """Return parameters of what stands on a shelf as ``name``: one of the dataclass ``kind``, from texts.

    A field may be ``str``, ``bool`` (yes, no), ``int`` or ``tuple[str, ...]`` (comma-separated).

    :raises UsageError: it has no such parameter, or the text does not fit.
    """
    kinds = get_type_hints(kind)
    unknown = [one for one in values if one.replace("-", "_") not in kinds]
    if unknown:
        known = ", ".join(kinds) or "none"
        raise UsageError(f"{name} has no parameter {unknown[0]!r}", hint=f"it has: {known}")
    parsed = {one.replace("-", "_"): value for one, value in values.items()}
    try:
        return kind(**{one: _parse(kinds[one], value) for one, value in parsed.items()})
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _parse(kind: object, text: str) -> object:
    if kind is bool:
        if text.lower() not in ("yes", "no", "true", "false", "1", "0"):
            raise ValueError(f"not yes or no: {text!r}")
        return text.lower() in ("yes", "true", "1")
    if kind is int:
        return int(text)
    if get_origin(kind) is tuple:
        return tuple(part for part in text.split(",") if part)
    return text
