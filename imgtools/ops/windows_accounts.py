r"""Accounts of a Windows guest as orders: made, or given a password, by a script when it boots next.

The SAM is not written: what a new account needs there (its keys, aliases, two indices, hashes under the machine's own
key) is nowhere described by Microsoft. Who is there already is read from it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from hashlib import sha256

from imgtools.change.change import Change
from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.windows_answers import told_to_setup
from imgtools.ops.windows_firstboot import FOLDER, at_first_boot_of_windows

# "Naming conventions in Active Directory for computers, domains, sites, and OUs" and "NetUserAdd function"
# (learn.microsoft.com): 20 letters, and not these; a name of dots and spaces alone is none.
NAME = r"(?![. ]+$)[^\x00-\x1f\"/\\\[\]:;|=,+*?<>@]{1,20}"
LONGEST_PASSWORD = 127  # letters: LM20_PWLEN is that of old systems, this that of the dialogs
# "Well-known SIDs" (learn.microsoft.com): their names are in the language of the guest.
GROUPS = {
    "administrators": "S-1-5-32-544",
    "users": "S-1-5-32-545",
    "power users": "S-1-5-32-547",
    "remote desktop users": "S-1-5-32-555",
    "remote management users": "S-1-5-32-580",
}
ADMINISTRATOR = "-500"  # ends the SID of the built-in one, whatever its name is

# A password that nobody knows: without one the policy of the guest may refuse the account.
MAKE = r"""$ErrorActionPreference = 'Stop'
$name = {name}
$home_ = "WinNT://$env:COMPUTERNAME"
$computer = [ADSI]"$home_,computer"
if (-not ($computer.Children | Where-Object {{ $_.SchemaClassName -eq 'User' -and $_.Name -eq $name }})) {{
    $bytes = New-Object byte[] 24
    (New-Object Security.Cryptography.RNGCryptoServiceProvider).GetBytes($bytes)
    $user = $computer.Create('User', $name)
    $user.SetPassword('aA1-' + [Convert]::ToBase64String($bytes))
    $user.SetInfo()
    $user.FullName = {full_name}
    $user.SetInfo()
}}
foreach ($one in @({groups})) {{
    if ($one -like 'S-1-*') {{
        $sid = New-Object Security.Principal.SecurityIdentifier($one)
        $one = $sid.Translate([Security.Principal.NTAccount]).Value.Split('\')[-1]
    }}
    $group = [ADSI]"$home_/$one,group"
    if (-not $group.psbase.Invoke('IsMember', "$home_/$name")) {{ $group.Add("$home_/$name") }}
}}
"""
SET = r"""$ErrorActionPreference = 'Stop'
$password = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('{password}'))
$user = [ADSI]("WinNT://$env:COMPUTERNAME/" + {name} + ',user')
$user.SetPassword($password)
$user.SetInfo()
"""


def make_windows_user(guest: Guest, text: str) -> Iterator[Change]:
    """Yield the script that makes an account: ``NAME[:groups=A+B,gecos=TEXT,sudo=yes]``.

    :raises UsageError: it is not written so, or says what only Linux has.
    :raises NotInGuest: there is such a user already.
    """
    name, _, rest = text.partition(":")
    _require_name(name)
    said: dict[str, str] = {}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if key == "password":
            raise UsageError("a password is not given here", hint=f"--password {name}:file:PATH")
        if key not in ("groups", "gecos", "sudo") or not equals or key in said or not value.isprintable():
            raise UsageError(
                f"not a setting of a Windows user, or said twice: {part!r}",
                hint="groups=A+B, gecos=TEXT, sudo=yes",
            )
        said[key] = value
    if said.get("sudo", "no") not in ("yes", "no"):
        raise UsageError(f"not yes or no: sudo={said['sudo']}")
    if any(one.casefold() == name.casefold() for one in _users(guest)):
        raise NotInGuest(f"the guest has a user {name} already")
    groups = [one for one in said.get("groups", "Users").split("+") if one]
    groups += ["Administrators"] if said.get("sudo") == "yes" else []
    words = dict.fromkeys(GROUPS.get(one.casefold(), one) for one in groups)
    script = MAKE.format(
        name=quoted(name),
        full_name=quoted(said.get("gecos") or name),
        groups=", ".join(map(quoted, words)),
    )
    yield from at_first_boot_of_windows(guest, f"{_slug(name)}.ps1", "ps1", script.encode())


def set_windows_password(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield what gives a user a password: answers for the administrator of one that is set up anew, else a script.

    :raises NotInGuest: the guest has no such user, and none of the orders before makes it.
    :raises UnsupportedGuest: something else than a password is asked for.
    :raises UsageError: it is no password of Windows.
    """
    name, _, state = order.text.partition(":")
    _require_name(name)
    if order.secret is None or state.strip(":"):
        raise UnsupportedGuest(
            "of a Windows user only the password can be set, with Windows' own hash",
            hint=f"--firstboot-command 'net user {name} /active:no' locks it",
        )
    password = _text_of(name, order)
    users = _users(guest)
    known = next((one for one in users if one.casefold() == name.casefold()), None)
    if known is None and not list(guest.files.glob(f"{FOLDER}/scripts/*-{_slug(name)}.ps1")):
        raise NotInGuest(f"the guest has no user {name!r}", hint=f"it has {', '.join(users) or 'nobody'}")
    if known is not None and users[known].endswith(ADMINISTRATOR) and _waits(guest):
        secret = order.secret
        what = f"answers for setup: the password of {known}, which lies in the image until setup has read it"
        yield from told_to_setup(
            guest,
            "password",
            lambda answers: answers.hide(secret, "UserAccounts", "AdministratorPassword"),
            what,
        )
        return
    script = SET.format(name=quoted(name), password=base64.b64encode(password.encode()).decode())
    what = f"set the password of {name} at the first boot; until then it lies in the image"
    yield from at_first_boot_of_windows(guest, "password.ps1", "ps1", script.encode(), what=what)


def _require_name(name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"not the name of a Windows user: {name!r}", hint='at most 20 letters, without "/\\[]:;|=,+*?<>@'
        )


def _text_of(name: str, order: Order) -> str:
    content = order.secret.reveal() if order.secret else b""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"the password of {name} is not UTF-8") from None
    if len(text) > LONGEST_PASSWORD or "\0" in text:
        raise UsageError(f"the password of {name} is longer than Windows takes: {LONGEST_PASSWORD} letters")
    return text


def _users(guest: Guest) -> dict[str, str]:
    """The guest's own accounts: names and SIDs."""
    from imgtools.guest.windows.registry import open_registry
    from imgtools.guest.windows.sam import read_users

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        return {one.name: one.sid for one in read_users(registry) if one.local}


def _waits(guest: Guest) -> bool:
    from imgtools.guest.windows.answers import waits_for_setup
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        return waits_for_setup(registry)


def _slug(name: str) -> str:
    """The name of the script that makes an account."""
    folded = name.casefold()
    return f"user-{folded if re.fullmatch('[a-z0-9]+', folded) else sha256(folded.encode()).hexdigest()[:12]}"


def quoted(text: str) -> str:
    """A text between PowerShell's single quotes ("about_Quoting_Rules", learn.microsoft.com): all of these end it."""
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", text) + "'"
