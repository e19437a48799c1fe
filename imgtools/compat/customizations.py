"""The customizations that virt-customize and virt-sysprep share: their options, and the orders that they are here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.compat.words import Option, Takes, Words, idle, refused, switch, valued
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.compat.standard import Speaker
    from imgtools.ops.operation import HostSide
    from imgtools.records.orders import Named

# Each by its name, which but for one is ours too, with what the peer says when it is at it (customize_run.ml). Before
# the colon and behind it are the two parts of the text.
MESSAGES = {
    "append-line": "Appending line to {0}",
    "chmod": "Changing permissions of {1} to {0}",
    "copy": "Copying (in image): {0} to {1}",
    "copy-in": "Copying: {0} to {1}",
    "delete": "Deleting: {text}",
    "edit": "Editing: {0}",
    "firstboot": "Installing firstboot script: {text}",
    "firstboot-command": "Installing firstboot command: {text}",
    "firstboot-install": "Installing firstboot packages: {words}",
    "hostname": "Setting the hostname: {text}",
    "install": "Installing packages: {words}",
    "link": "Linking: {1} -> {0}",
    "mkdir": "Making directory: {text}",
    "move": "Moving: {0} -> {1}",
    "password": "",
    "root-password": "",
    "run": "Running: {text}",
    "run-command": "Running: {text}",
    "scrub": "Scrubbing: {text}",
    "ssh-inject": "SSH key inject: {0}",
    "timezone": "Setting the timezone: {text}",
    "touch": "Running touch: {text}",
    "truncate": "Truncating: {text}",
    "truncate-recursive": "Recursively truncating: {text}",
    "uninstall": "Uninstalling packages: {words}",
    "upload": "Uploading: {0} to {1}",
    "write": "Writing: {0}",
}
WITHOUT_TEXT = {"update": "Updating packages"}
OURS = {"write": "write-file"}
FROM_FILE, CRYPTO = "commands-from-file", "password-crypto"
SUBSCRIBE = "--run-command 'subscription-manager ...' with --network does that"
NO_LOG = "no log is left in the guest"
LABELS = "files that are made get the labels that the guest's policy has for them"
IDLE = {"no-logfile": NO_LOG, "selinux-relabel": LABELS, "no-selinux-relabel": LABELS}
SUBSCRIPTIONS = ("sm-attach", "sm-credentials", "sm-register", "sm-remove", "sm-unregister")
TAKES_ONE = ("sm-attach", "sm-credentials")
CUSTOMIZATIONS: tuple[Option, ...] = (
    *(valued(f"--{name}") for name in MESSAGES),
    *(switch(f"--{name}") for name in WITHOUT_TEXT),
    valued(f"--{FROM_FILE}"),
    valued(f"--{CRYPTO}"),
    *(idle(why, f"--{name}") for name, why in IDLE.items()),
    *(
        refused(SUBSCRIBE, f"--{name}", takes=Takes.VALUE if name in TAKES_ONE else Takes.NOTHING)
        for name in SUBSCRIPTIONS
    ),
    switch("--network"),
    switch("--no-network"),
)


def orders_of(words: Words, *, network: bool) -> list[Named]:
    """Return what the words ask for, in their order.

    :param network: whether programs that are run in the guest have one, where nothing is said of that.
    :raises UsageError: an order does not parse, or there is nothing for it.
    :raises HostError: a file of the host is not there.
    """
    from imgtools.ops.operation import HostSide

    said = [one.name == "--network" for one in words.given if one.name in ("--network", "--no-network")]
    host = HostSide(getpass, said[-1] if said else network, words.last(f"--{CRYPTO}") or "")
    orders: list[Named] = []
    for one in words.given:
        name = one.name.removeprefix("--")
        if name == FROM_FILE:
            orders += _from_file(Path(one.value or ""), host)
        elif name in MESSAGES or name in WITHOUT_TEXT:
            orders.append(_order(name, one.value or "", host))
    return orders


def _from_file(host_path: Path, host: HostSide) -> Iterator[Named]:
    from imgtools.ops.command_file import command_lines, split_order_line
    from imgtools.ops.customize_plan import told_where

    for number, line in command_lines(host_path):
        where = f"{host_path}, line {number}"
        with told_where(where):
            name, text = split_order_line(line)
            if name in IDLE:
                continue
            if name == CRYPTO:
                host = replace(host, password_method=text)
            elif name in SUBSCRIPTIONS:
                raise UsageError(f"{name} is not taken", hint=SUBSCRIBE)
            elif name not in MESSAGES and name not in WITHOUT_TEXT:
                raise UsageError(f"{name} is no customization", hint="an option without its hyphens, a line")
            else:
                yield _order(name, text, host)._replace(where=where)


def _order(name: str, text: str, host: HostSide) -> Named:
    from imgtools.ops.customize_plan import read_order

    if name == "chmod":
        text = _octal(text)
    if name == "edit":
        text = _expression(text)
    named = read_order(OURS.get(name, name), text, host)
    if name == "delete":  # what is not there is no error
        return named._replace(order=replace(named.order, optional=True))
    return named


def _expression(text: str) -> str:
    """Return FILE:EXPR with an expression in our words."""
    from imgtools.compat.perl_expression import LINE, ours

    path, colon, expression = text.partition(":")
    if not colon:
        return text
    if LINE in (expression := ours(expression)):
        raise UsageError("$lineno is for virt-edit only", hint="virt-edit -e 's/^/$lineno/'")
    return f"{path}:{expression}"


def _octal(text: str) -> str:
    """Return MODE:FILE with an octal mode: there it is decimal unless it begins with 0."""
    mode, colon, path = text.partition(":")
    if mode.isdecimal() and not mode.startswith("0"):
        mode = f"{int(mode):04o}"
    elif mode.startswith("0o"):
        mode = f"0{mode[2:]}"
    return f"{mode}{colon}{path}"


def say_orders(speaker: Speaker, orders: list[Named]) -> None:
    """Say of each order that it was carried out."""
    theirs = {ours: name for name, ours in OURS.items()}
    passwords = False
    for name, order, _ in orders:
        known = theirs.get(name, name)
        if not (text := MESSAGES.get(known, WITHOUT_TEXT.get(known, ""))):
            passwords = True
            continue
        first, _, second = order.text.partition(":")
        speaker.message(text.format(first, second, text=order.text, words=order.text.replace(",", " ")))
    if passwords:
        speaker.message("Setting passwords")


def say_passwords(speaker: Speaker, orders: list[Named]) -> None:
    """Print the passwords that were made by chance, as the peer does: nobody else would learn them."""
    for _, order, _ in orders:
        if order.is_new and order.secret is not None:
            user = order.text.partition(":")[0]
            speaker.info(f"Setting random password of {user} to {order.secret.reveal().decode()}")
