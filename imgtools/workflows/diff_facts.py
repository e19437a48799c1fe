"""How two systems differ in what is known of them: packages, accounts, services, kernels; never a secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TypeVar

from imgtools.errors import EngineFailed, GuestFileError, OddGuest, ToolMissing, UnsupportedGuest
from imgtools.guest.accounts.users import Accounts, read_accounts
from imgtools.guest.boot.kernels import find_kernels
from imgtools.guest.packages.applications import list_applications
from imgtools.guest.selinux import find_selinux
from imgtools.guest.services.started import enabled_services, find_default_target, find_init
from imgtools.guest.settings.facts import find_settings
from imgtools.records.comparison import Changed, FactDifference, FactKind
from imgtools.records.packages import Application
from imgtools.records.system import OsType, Warned
from imgtools.workflows.diff_files import is_untouched
from imgtools.workflows.diff_sides import Side, has_system
from imgtools.workflows.inspect import UserRow, linux_users, windows_users

Facts = Mapping[str, Mapping[str, str]]  # what a thing is called -> its facts by name
Secrets = Mapping[str, bytes]  # what is compared, and never told
# Files that say what a section says: where they are the same, so is the section, and neither is read.
PACKAGES = (
    *("/var/lib/dpkg/status", "/var/lib/rpm/Packages", "/lib/apk/db/installed", "/usr/lib/apk/db/installed"),
    *(
        f"{folder}/rpmdb.sqlite{tail}"
        for folder in ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
        for tail in ("", "-wal")
    ),
    *("/usr/lib/sysimage/rpm/Packages.db", "/var/lib/rpm/Packages.db"),
)
ONE_FILE = frozenset({"deb", "rpm", "apk"})  # formats whose whole database is one of these files
NOT_TOLD = frozenset({"osinfo", "families", "windows_current_control_set", "label_files", "ssh_host_keys"})


Found = TypeVar("Found")


class SystemComparison:
    """Compares two systems; ``warnings`` has what could not be read, after which the answer is not whole."""

    def __init__(self, old: Side, new: Side, *, related: bool = False) -> None:
        self._sides = (old, new)
        self._related = related
        self.warnings: list[Warned] = []
        self.is_whole = True

    def differences(self) -> Iterator[FactDifference]:
        """Yield how the systems differ, kind by kind; nothing where a side has no system."""
        if not all(has_system(side) for side in self._sides):
            return
        types = {side.os.type for side in self._sides}
        yield from self._section(FactKind.SYSTEM, _system)
        yield from self._section(FactKind.MOUNT, _mounts)
        if types == {OsType.LINUX}:
            yield from self._linux()
        elif types == {OsType.WINDOWS}:
            yield from self._windows()

    def _linux(self) -> Iterator[FactDifference]:
        if not self._same_packages():
            yield from self._packages()
        yield from self._users()
        yield from self._section(FactKind.GROUP, _groups)
        yield from self._section(FactKind.SERVICE, _services)
        yield from self._section(FactKind.KERNEL, _kernels)

    # -- one kind of thing -------------------------------------------------------------------------------------

    def _section(self, about: FactKind, read: Callable[[Side], Facts]) -> Iterator[FactDifference]:
        found = self._both(about, read)
        if found is not None:
            yield from compare_facts(about, *found)

    def _both(self, about: FactKind, read: Callable[[Side], Found]) -> tuple[Found, Found] | None:
        """Read a kind of thing on both sides; what one cannot tell is not compared, and that is said."""
        found = []
        for side in self._sides:
            try:
                found.append(read(side))
            except (OddGuest, GuestFileError, ToolMissing, UnsupportedGuest, EngineFailed) as error:
                self.warnings.append(
                    Warned(
                        f"{side.name}: {about.value}s are not compared: {error.message}",
                        getattr(error, "path", ""),
                    )
                )
                self.is_whole = False
                return None
        return found[0], found[1]

    def _same_packages(self) -> bool:
        if any(side.os.package_format not in ONE_FILE for side in self._sides):
            return False
        pairs = [tuple(side.files.lstat(path) for side in self._sides) for path in PACKAGES]
        there = [pair for pair in pairs if pair != (None, None)]
        return bool(there) and all(is_untouched(*pair, related=self._related) for pair in there)

    def _packages(self) -> Iterator[FactDifference]:
        found = self._both(
            FactKind.PACKAGE, lambda side: list_applications(side.files, side.os.package_format)
        )
        if found is not None:
            yield from compare_packages(*found)

    def _users(self) -> Iterator[FactDifference]:
        found = self._both(FactKind.USER, lambda side: (linux_users(side.files), read_accounts(side.files)))
        if found is not None:
            (rows, accounts), (other_rows, other_accounts) = found
            yield from compare_facts(FactKind.USER, _user_facts(rows), _user_facts(other_rows))
            yield from compare_hidden(FactKind.USER, "password", _hashes(accounts), _hashes(other_accounts))

    def _windows(self) -> Iterator[FactDifference]:
        from imgtools.workflows.diff_windows import read_windows, service_facts

        found = self._both(FactKind.SYSTEM, read_windows)
        if found is None:
            return
        for overview in found:
            self.warnings += [one for one in overview.warnings if one not in self.warnings]
        old, new = found
        rows = [{key: {"": value} for key, value in simple(one.row).items()} for one in found]
        yield from compare_facts(FactKind.SYSTEM, rows[0], rows[1])
        yield from compare_packages(old.applications or (), new.applications or ())
        users = [_user_facts(windows_users(one)) for one in found]
        yield from compare_facts(FactKind.USER, users[0], users[1])
        yield from compare_facts(FactKind.SERVICE, service_facts(old), service_facts(new))


# -- comparing -----------------------------------------------------------------------------------------------------


def compare_facts(about: FactKind, old: Facts, new: Facts) -> Iterator[FactDifference]:
    """Yield what is on one side only, and what facts of the others differ."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            became = Changed.ADDED if before is None else Changed.REMOVED
            yield FactDifference(
                about, name, became, old=None if before is None else _words(before),
                new=None if after is None else _words(after),
            )  # fmt: skip
            continue
        for key in dict.fromkeys([*before, *after]):
            one, other = before.get(key), after.get(key)
            if one != other:
                yield FactDifference(about, name, Changed.CHANGED, key, one, other)


def compare_hidden(about: FactKind, key: str, old: Secrets, new: Secrets) -> Iterator[FactDifference]:
    """Yield whose secret is another one; those of who is on one side only are told with them."""
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield FactDifference(about, name, Changed.CHANGED, key, hidden=True)


def compare_packages(old: tuple[Application, ...], new: tuple[Application, ...]) -> Iterator[FactDifference]:
    """Yield which packages came, went, or have another version; of one that is there several times, each version."""
    olds, news = _versions(old), _versions(new)
    for name in sorted(olds.keys() | news.keys()):
        gone, come = olds.get(name, Counter()), news.get(name, Counter())
        before, after = list((gone - come).elements()), list((come - gone).elements())
        if len(before) == len(after) == 1:
            yield FactDifference(FactKind.PACKAGE, name, Changed.CHANGED, "version", before[0], after[0])
            continue
        for version in before:
            yield FactDifference(FactKind.PACKAGE, name, Changed.REMOVED, old=version)
        for version in after:
            yield FactDifference(FactKind.PACKAGE, name, Changed.ADDED, new=version)


def _versions(packages: tuple[Application, ...]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for one in packages:
        name = one.display_name or one.name
        name = f"{name}:{one.arch}" if one.arch else name
        found.setdefault(f"{name} ({one.user})" if one.user else name, Counter())[version_of(one)] += 1
    return found


def version_of(one: Application) -> str:
    """Return a whole version as its package manager writes it."""
    epoch = f"{one.epoch}:" if one.epoch else ""
    return f"{epoch}{one.version}{f'-{one.release}' if one.release else ''}"


def _words(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" if key else value for key, value in facts.items() if value)


# -- reading -------------------------------------------------------------------------------------------------------


def flat(record: object, above: str = "") -> dict[str, str]:
    """Return the facts of a record as texts; those of a record within it have its name in front."""
    found: dict[str, str] = {}
    assert is_dataclass(record)
    for one in fields(record):
        value, name = getattr(record, one.name), f"{above}{one.name.replace('_', ' ')}"
        if one.name in NOT_TOLD or value is None:
            continue
        if is_dataclass(value):
            found |= flat(value, f"{name} ")
        else:
            found[name] = text_of(value)
    return found


def simple(record: object) -> dict[str, str]:
    """Return those facts of a record that are one word or number each."""
    assert is_dataclass(record)
    values = {one.name.replace("_", " "): getattr(record, one.name) for one in fields(record)}
    return {
        name: text_of(value) for name, value in values.items() if isinstance(value, str | int) and value != ""
    }


def text_of(value: object) -> str:
    """Return a fact as text: several with commas between them, yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(text_of(one) for one in value)
    return str(value)


def _system(side: Side) -> Facts:
    found = {key: {"": value} for key, value in flat(side.os).items()}
    if side.os.type is OsType.LINUX:
        init = find_init(side.files)
        found["init"] = {"": init.value}
        found["default target"] = {"": find_default_target(side.files, init)}
        found |= {key: {"": value} for key, value in flat(find_settings(side.files)).items()}
        found |= {f"selinux {key}": {"": value} for key, value in flat(find_selinux(side.files)).items()}
    return {name: facts for name, facts in found.items() if facts[""]}


def _mounts(side: Side) -> Facts:
    return {
        one.path: {"device": one.volume.device, "content": one.volume.content, "uuid": one.volume.uuid,
                   "options": one.options}
        for one in side.mounts
    }  # fmt: skip


def _user_facts(rows: tuple[UserRow, ...]) -> Facts:
    left = frozenset({"name", "last_login", "password_changed"})
    return {
        row.name: {
            one.name.replace("_", " "): text_of(value)
            for one in fields(row)
            if one.name not in left and (value := getattr(row, one.name)) is not None
        }
        for row in rows
    }


def _hashes(accounts: Accounts) -> Secrets:
    """The stored passwords by account, where a hash is stored; states are compared as facts."""
    stored = {one.name: one.password.reveal() for one in accounts.passwd}
    stored |= {one.name: one.password.reveal() for one in accounts.shadow}
    return {name: value for name, value in stored.items() if value.startswith((b"$", b"!$"))}


def _groups(side: Side) -> Facts:
    return {
        one.name: {"gid": str(one.gid), "members": ", ".join(sorted(one.members))}
        for one in read_accounts(side.files).groups
    }


def _services(side: Side) -> Facts:
    return {name: {"": "enabled"} for name in enabled_services(side.files)}


def _kernels(side: Side) -> Facts:
    return {
        one.version: {"image": one.vmlinuz, "initrd": one.initrd, "modules": one.modules_path}
        for one in find_kernels(side.files)
    }
