"""How each package manager installs, removes and updates without asking."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest


@dataclass(frozen=True, slots=True)
class Manager:
    """Commands without the packages' names. ``refresh`` gets the lists of packages; "" if the others do."""

    install: str
    remove: str
    update: str
    refresh: str = ""


# Configuration files that were changed in the guest stay, without a question (dpkg(1), --force-conf...).
KEEP = "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
APT = f"DEBIAN_FRONTEND=noninteractive apt-get -q -y {KEEP}"
MANAGERS = {
    "apt": Manager(f"{APT} install", f"{APT} remove", f"{APT} upgrade", f"{APT} update"),
    "apk": Manager("apk add", "apk del", "apk upgrade", "apk update"),
    "dnf": Manager("dnf -y install", "dnf -y remove", "dnf -y upgrade"),
    "dnf5": Manager("dnf5 -y install", "dnf5 -y remove", "dnf5 -y upgrade"),
    "pacman": Manager(
        "pacman -S --noconfirm --needed", "pacman -R --noconfirm", "pacman -Su --noconfirm", "pacman -Sy"
    ),
    "tdnf": Manager("tdnf -y install", "tdnf -y remove", "tdnf -y update"),
    "urpmi": Manager("urpmi --auto", "urpme --auto", "urpmi --auto --auto-select", "urpmi.update -a"),
    "xbps": Manager("xbps-install -y", "xbps-remove -y", "xbps-install -uy", "xbps-install -S"),
    "yum": Manager("yum -y install", "yum -y remove", "yum -y update"),
    "zypper": Manager(
        "zypper --non-interactive install --auto-agree-with-licenses",
        "zypper --non-interactive remove",
        "zypper --non-interactive update --auto-agree-with-licenses",
    ),
}
# A rolling distribution moves as a whole (zypper(8), dup).
DUP = "zypper --non-interactive dup --auto-agree-with-licenses"
PACKAGE = r"[A-Za-z0-9/@][A-Za-z0-9+._:@/=~^*-]*"


def install_script(guest: Guest, names: str, *, refresh: bool) -> str:
    """Return the shell text that installs packages, their names separated by commas.

    :param refresh: get the lists of packages first, which needs the network.
    :raises UsageError: a name is none.
    :raises UnsupportedGuest: the guest's package manager is not known here.
    """
    manager = _manager(guest)
    steps = [manager.refresh] if refresh and manager.refresh else []
    return " && ".join([*steps, f"{manager.install} {package_words(names)}"])


def remove_script(guest: Guest, names: str) -> str:
    """Return the shell text that removes packages; raises as :func:`install_script`."""
    return f"{_manager(guest).remove} {package_words(names)}"


def update_script(guest: Guest, *, refresh: bool) -> str:
    """Return the shell text that updates all packages; raises as :func:`install_script`."""
    manager = _manager(guest)
    is_rolling = guest.os.package_management == "zypper" and "opensuse-tumbleweed" in guest.os.families
    update = DUP if is_rolling else manager.update
    return " && ".join([manager.refresh, update] if refresh and manager.refresh else [update])


def _manager(guest: Guest) -> Manager:
    name = guest.os.package_management
    if name not in MANAGERS:
        known = ", ".join(MANAGERS)
        raise UnsupportedGuest(
            f"no package can be installed with {name or 'an unknown package manager'}",
            hint=f"known are {known}; --run-command runs any other",
        )
    return MANAGERS[name]


def package_words(names: str) -> str:
    """Return names separated by commas as words for a shell.

    :raises UsageError: one is no name of a package.
    """
    words = [name.strip() for name in names.split(",") if name.strip()]
    for word in words:
        if not re.fullmatch(PACKAGE, word):
            raise UsageError(f"not the name of a package: {word!r}")
    if not words:
        raise UsageError("no package is named")
    return " ".join(shlex.quote(word) for word in words)
