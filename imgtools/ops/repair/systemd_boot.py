"""Install systemd-boot again, with the guest's own bootctl: in EFI/systemd, and in the fallback path EFI/BOOT.

Done where the ESP lacks the program in the fallback path; ``force=yes`` does it all the same. Entries and loader.conf
stay as they are; entries are for ``boot-entries``. Source: bootctl(1).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.boot.esp import fallback_path
from imgtools.guest.boot.programs import SYSTEMD_BOOT, find_program, uses_systemd_boot
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import esp_folder, is_efi_program, running
from imgtools.ops.operation import LINUX, Operation

# In a chroot nothing tells bootctl that what it is given is an ESP; entries in the firmware's memory are of the host's.
SCRIPT = """set -e
export SYSTEMD_RELAX_ESP_CHECKS=1
@PROGRAM@ install --no-variables --esp-path=@ESP@
test -s @ESP@@FALLBACK@ || { echo bootctl has put nothing into @FALLBACK@; exit 1; }
"""


@dataclass(frozen=True, slots=True)
class Params:
    """``force``: also where nothing seems to be wrong."""

    force: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the run of bootctl, if it is needed.

    :raises UnsupportedGuest: no ESP is mounted.
    """
    folder, fallback = esp_folder(guest), fallback_path(guest.os.arch)
    if params.force or not is_efi_program(guest.files, f"{folder}{fallback}"):
        script = SCRIPT.replace("@PROGRAM@", find_program(guest.files, "bootctl"))
        script = script.replace("@ESP@", shlex.quote(folder)).replace("@FALLBACK@", fallback)
        yield running(guest, script, "bootctl install")


def lacking(guest: Guest) -> str:
    """Say so if the guest does not start by systemd-boot, or lacks its program."""
    if not any(guest.files.glob(SYSTEMD_BOOT)):
        return "no systemd-boot"
    if not uses_systemd_boot(guest.files):
        return "it starts by another boot loader"
    return "" if find_program(guest.files, "bootctl") else "no bootctl"


OPERATION = Operation(
    summary="Install systemd-boot again",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    default=False,
    order=410,
    notes="Entries in the firmware's own memory are not in a disk image: the fallback path is found without one.",
)
