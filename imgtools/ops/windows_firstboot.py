r"""Scripts that a Windows guest runs when it boots next, each once, in the order in which they were given.

They are in ``C:\ProgramData\imgtools\firstboot\scripts``; a runner beside them, started as LocalSystem by the machine's
own group policy or at the end of setup, keeps what each says in ``NAME.log`` and its exit code in ``NAME.exit``, and
removes itself. Why so: docs/decisions/windows-first-boot.md.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest

FOLDER = "/ProgramData/imgtools/firstboot"
INSIDE = r"%SystemDrive%\ProgramData\imgtools\firstboot"  # the same, as Windows names it
KINDS = ("cmd", "bat", "ps1")
MOST = 9999  # scripts that may wait
COME_AGAIN = (
    249  # restart, and run the script again: that of the first-boot scripts of virt-v2v and virt-customize
)
TIMES = 20  # that a script may say so
# Ours: no further script before the next start. Windows goes down now, generalised, or what should be so is not.
PAUSE, PAUSE_FAILED = 251, 252
SETUP_LINE = rf'@if exist "{INSIDE}\run.cmd" call "{INSIDE}\run.cmd" setup'
POWERSHELL = (
    r'"%sys%\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -NonInteractive -ExecutionPolicy Bypass -File'
)
# Windows' own programs by their full names: somebody may have set PATH. S-1-5-18 is LocalSystem, S-1-5-32-544 are the
# administrators: what LocalSystem runs is nobody else's to write, and ProgramData lets users add files.
RUNNER = rf"""@echo off
rem Made by imgtools. Runs each script in scripts\ once, in their order, and then removes itself.
setlocal EnableExtensions DisableDelayedExpansion
set "here=%~dp0"
set "mode=%~1"
set "done="
set "sys=%SystemRoot%\System32"
rem Only one of us at a time: a second one cannot open the file.
call :main 9>>"%here%lock"
if defined done del /f /q "%here%lock" "%here%start.cmd" "%~f0" & exit /b 0
exit /b 0

:main
if /i "%mode%"=="setup" goto begin
for %%v in (SystemSetupInProgress OOBEInProgress) do (
    for /f "tokens=3" %%x in ('%sys%\reg.exe query HKLM\SYSTEM\Setup /v %%v 2^>nul') do if "%%x"=="0x1" exit /b 0
)
:begin
"%sys%\icacls.exe" "%here%.." /reset /q >nul 2>&1
"%sys%\icacls.exe" "%here%." /reset /q >nul 2>&1
"%sys%\icacls.exe" "%here%." /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F /q >nul 2>&1
"%sys%\icacls.exe" "%here%*" /reset /t /q >nul 2>&1
for /f "delims=" %%s in ('dir /b /a-d /on "%here%scripts" 2^>nul') do (
    call :one "%%s"
    if errorlevel {PAUSE} goto pause
    if errorlevel {COME_AGAIN} goto restart
)
goto finish
:pause
for /f "delims=" %%s in ('dir /b /a-d "%here%scripts" 2^>nul') do exit /b 0
:finish
call :tidy
set "done=1"
exit /b 0

:one
set "name=%~1"
set "log=%here%%~1.log"
if exist "%here%%name%.started" (
    >>"%log%" echo === %name% was cut off, and is not run again: %date% %time%
    set "code=cut off"
    goto ended
)
>"%here%%name%.started" echo begun
>>"%log%" echo === %name% begins: %date% %time%
if /i "%~x1"==".ps1" (
    {POWERSHELL} "%here%scripts\%name%" >>"%log%" 2>&1 <nul
) else (
    "%sys%\cmd.exe" /d /c call "%here%scripts\%name%" >>"%log%" 2>&1 <nul
)
set "code=%errorlevel%"
>>"%log%" echo === %name% ended with %code%: %date% %time%
if not "%code%"=="{COME_AGAIN}" goto ended
set "times=0"
if exist "%here%%name%.times" set /p times=<"%here%%name%.times"
set /a times+=1
>"%here%%name%.times" echo %times%
if %times% geq {TIMES} goto ended
del /f /q "%here%%name%.started"
exit /b {COME_AGAIN}
:ended
>"%here%%name%.exit" echo %code%
del /f /q "%here%scripts\%name%" "%here%%name%.started" "%here%%name%.times" 2>nul
if "%code%"=="{PAUSE}" exit /b {PAUSE}
if "%code%"=="{PAUSE_FAILED}" exit /b {PAUSE}
exit /b 0

:restart
if /i not "%mode%"=="setup" "%sys%\shutdown.exe" /r /t 5
exit /b 0

:tidy
call :policy "%sys%\GroupPolicy\Machine\Scripts\scripts.ini" scripts.ini
call :policy "%sys%\GroupPolicy\gpt.ini" gpt.ini
rd /s /q "%here%scripts" "%here%policy" 2>nul
exit /b 0

:policy
if not exist "%here%policy\%~2.new" exit /b 0
"%sys%\attrib.exe" -h -s -r "%~1"
"%sys%\fc.exe" /b "%~1" "%here%policy\%~2.new" >nul 2>&1 || exit /b 0
if not exist "%here%policy\%~2.old" del /f /q "%~1" & exit /b 0
copy /y "%here%policy\%~2.old" "%~1" >nul
exit /b 0
"""
STARTER = """@echo off
rem Made by imgtools. A script may take longer than the group policy waits for its programs.
if exist "%~dp0run.cmd" start "" /min "%SystemRoot%\\System32\\cmd.exe" /d /c call "%~dp0run.cmd"
"""


WINDOWS_NOTES = (
    "Of Windows: it is started by the machine's own group policy, which the documentation of Windows Home does not "
    "promise; a policy of a domain that switches that off is refused. Of a Windows that waits for its setup it runs at "
    "the end of setup (SetupComplete.cmd), which Windows passes over with a product key of a manufacturer; a restart "
    "that it asks for there comes with the next start. No Windows was there to try it."
)


def batch_of(command: str) -> bytes:
    """Return the batch file of a command line; other letters than ASCII's are UTF-8, which it is told first."""
    page = "" if command.isascii() else "chcp 65001 >nul\n"
    return f"@echo off\n{page}{command}\n".encode("utf-8", "surrogateescape")


def at_first_boot_of_windows(
    guest: Guest, name: str, kind: str, content: bytes, *, what: str = ""
) -> Iterator[Change]:
    """Yield a script for the next boot, and what runs it; one that waits there with the same content is not doubled.

    :param kind: the ending of its name, by which it is run: cmd, bat or ps1.
    :param what: what the plan shows in place of a content that nobody is to see.
    :raises UsageError: Windows runs no script of that kind by itself.
    :raises UnsupportedGuest: nothing is known that would start it.
    """
    from imgtools.guest.windows.registry import open_registry  # the shelf is read for every guest
    from imgtools.guest.windows.startup_script import startup_changes

    if kind.lower() not in KINDS:
        raise UsageError(
            f"Windows runs no script of this kind: {name}", hint=f"its name ends with .{', .'.join(KINDS)}"
        )
    if 0 < guest.os.major < 6:
        raise UnsupportedGuest("scripts of the first boot need Windows Vista, Server 2008 or newer")
    files, content = guest.files, as_windows_reads_it(content, kind)
    if _waits(files, content):
        return
    yield MakeDirectory(f"{FOLDER}/scripts")
    yield from _made(files, "run.cmd", RUNNER)
    yield from _made(files, "start.cmd", STARTER)
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name.rpartition(".")[0] or name).strip("-")[:40] or "script"
    path = f"{FOLDER}/scripts/{_next_number(files):04d}-{slug}.{kind.lower()}"
    yield WriteFile(path, content, private=bool(what), what=what)
    with open_registry(files, guest.os.windows_systemroot) as registry:
        yield from startup_changes(
            registry,
            rf"{INSIDE}\start.cmd",
            SETUP_LINE,
            f"{FOLDER}/policy",
            lambda place: place.rpartition("/")[2],
        )


def as_windows_reads_it(content: bytes, kind: str) -> bytes:
    """Return a script with the line ends that cmd.exe needs, or the mark by which PowerShell knows UTF-8.

    cmd.exe passes over labels in files with other line ends; Windows PowerShell reads what has no mark in the code page
    of the system ("about_Character_Encoding", learn.microsoft.com).
    """
    if content.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content
    if kind.lower() != "ps1":
        return re.sub(rb"\r?\n", b"\r\n", content)
    return content if content.isascii() or not _is_utf8(content) else codecs.BOM_UTF8 + content


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _made(files: GuestReader, name: str, text: str) -> Iterator[Change]:
    path, content = f"{FOLDER}/{name}", text.replace("\n", "\r\n").encode()
    if not files.is_file(path) or files.read_bytes(path) != content:
        yield WriteFile(path, content)


def _waits(files: GuestReader, content: bytes) -> bool:
    waiting = [path for path in files.glob(f"{FOLDER}/scripts/*") if files.is_file(path)]
    return any(
        files.stat(path).size == len(content) and files.read_bytes(path) == content for path in waiting
    )


def _next_number(files: GuestReader) -> int:
    """The number after those of the scripts that wait, or have left a log."""
    names = [
        path.rpartition("/")[2]
        for path in (*files.glob(f"{FOLDER}/scripts/*"), *files.glob(join(FOLDER, "*.log")))
    ]
    number = max((int(name[:4]) for name in names if re.match(r"\d{4}-", name)), default=0) + 1
    if number > MOST:
        raise UnsupportedGuest(f"the guest has run {MOST} scripts of the first boot: empty {FOLDER}")
    return number
