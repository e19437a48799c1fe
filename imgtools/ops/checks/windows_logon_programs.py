r"""What runs when somebody logs on is Windows' own: the shell, and what sets up the user's session.

Winlogon starts Userinit and Shell with the rights of whoever logs on; another program there is a kiosk's, or a way to
stay (MITRE ATT&CK T1547.004). Windows has explorer.exe and C:\Windows\system32\userinit.exe, with a comma behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import WINLOGON, each_user, held, hive_flaw
from imgtools.records.audit import Level

OF_USER = r"Software\Microsoft\Windows NT\CurrentVersion\Winlogon"
POLICY_OF_USER = r"Software\Microsoft\Windows\CurrentVersion\Policies\System"
SHELLS = ("", "explorer.exe")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each value of Winlogon that names another program."""
    registry = held(examined)
    values = registry.values(WINLOGON)
    if _program(values.text("Shell")) not in SHELLS:
        yield hive_flaw(examined, WINLOGON, "Shell", "another program is the shell", values.text("Shell"))
    text = values.text("Userinit")
    programs = [_program(one) for one in text.split(",") if one.strip()]
    if programs not in ([], ["userinit.exe"]):
        yield hive_flaw(examined, WINLOGON, "Userinit", "other programs set up users' sessions", text)
    if values.text("Taskman"):
        yield hive_flaw(examined, WINLOGON, "Taskman", "a program runs at each logon", values.text("Taskman"))
    for user, _folder in each_user(examined):
        for key in (OF_USER, POLICY_OF_USER):
            shell = registry.values(rf"{user}\{key}").text("Shell")
            if _program(shell) not in SHELLS:
                yield hive_flaw(
                    examined, rf"{user}\{key}", "Shell", "another program is a user's shell", shell
                )


def _program(text: str) -> str:
    """A program without the folder of Windows, in small letters."""
    name = text.strip().strip('"').lower().replace("/", "\\")
    for folder in ("%systemroot%", "%windir%", r"c:\windows", r"c:\winnt"):
        name = name.removeprefix(folder + "\\")
    return name.removeprefix("system32\\")


CHECK = Check(
    title="The shell and what sets up sessions are Windows' own",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SI-7",),
)
