r"""Have a Windows generalised by its own sysprep when it boots next: ``shutdown`` or ``reboot``, which follows.

Windows guests that are set up, in a workgroup, with no updates pending; of one that is generalised already nothing
changes. The next boot runs ``sysprep.exe /generalize /oobe`` with answers: no page of the first boot asks for anything,
and what is ordered beside it is in them, --hostname, --timezone, --locale, --product-key, --first-logon-command and the
--password of the administrator. Scripts of --firstboot beside it run at the end of the setup that comes then.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.errors import UsageError
from imgtools.files.paths import parent_of
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_firstboot import (
    FOLDER,
    INSIDE,
    PAUSE,
    PAUSE_FAILED,
    as_windows_reads_it,
    at_first_boot_of_windows,
)

SWITCHES = {"shutdown": "/s", "reboot": "/r"}
# /quit: the file of answers, which sysprep has copied, goes before Windows does. 30 seconds: for the runner's own end.
SCRIPT = rf"""@echo off
set "answers={INSIDE}\unattend.xml"
set "folder=%SystemRoot%\System32\Sysprep"
start "" /wait "%folder%\sysprep.exe" /generalize /oobe /quiet /quit /unattend:"%answers%"
set "code=%errorlevel%"
del /f /q "%answers%"
echo sysprep.exe ended with %code%; its log is in %folder%\Panther
if not exist "%folder%\Sysprep_succeeded.tag" exit /b {PAUSE_FAILED}
"%SystemRoot%\System32\shutdown.exe" SWITCH /t 30
exit /b {PAUSE}
"""


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the answers, and what runs sysprep; nothing for a guest that waits for its setup already.

    :raises UsageError: neither shutdown nor reboot.
    :raises UnsupportedGuest: the guest's sysprep would refuse it.
    """
    from imgtools.guest.windows.answers import NO_PAGES, OOBE, PROCESSORS, SHELL, STAGED, Answers
    from imgtools.guest.windows.generalise import require_generalisable
    from imgtools.guest.windows.registry import open_registry
    from imgtools.guest.windows.setup_state import GENERALISED, image_state

    if order.text not in SWITCHES:
        raise UsageError(f"neither shutdown nor reboot: {order.text!r}")
    script = SCRIPT.replace("SWITCH", SWITCHES[order.text]).encode()
    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        if image_state(registry) in GENERALISED:
            return
        require_generalisable(guest.files, guest.os, registry)
    waiting = list(guest.files.glob(f"{FOLDER}/scripts/*-generalize.cmd"))
    if waiting and guest.files.is_file(STAGED):
        new = as_windows_reads_it(script, "cmd")
        if guest.files.read_bytes(waiting[0]) != new:
            yield WriteFile(waiting[0], new)
        return
    answers = Answers(b"", PROCESSORS.get(guest.os.arch, "amd64"), STAGED)
    for name, text in NO_PAGES.items():
        answers.set(OOBE, SHELL, "OOBE", name, text=text)
    yield MakeDirectory(parent_of(STAGED))
    yield WriteFile(STAGED, answers.written())
    yield from at_first_boot_of_windows(guest, "generalize.cmd", "cmd", script)


OPERATION = Operation(
    summary="Have a Windows generalised by its own sysprep at the next boot",
    how="and then shut down, as a template, or rebooted, as a machine of its own",
    plan=plan,
    params=Order,
    families=WINDOWS,
    metavar="shutdown|reboot",
    notes="Its sysprep also refuses what cannot be told from here: apps of the Store that are installed for one user "
    "only, BitLocker on the system's drive, one rearm too many. Then its log says why, and NAME.exit is 252. A script "
    "of the first boot runs it: what is said of `firstboot` holds for it.",
)
