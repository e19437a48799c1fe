"""What is broken, what mends it, and how one sees that it is mended."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

from fixtures.ailments import Ailment
from fixtures.ailments.breaking import change, cut, remove
from imgtools.change.change import RunInGuest, WriteFile
from tests.boots.login import Login

ROOT = Login("root", "fixture", "touch /root/here && rm /root/here")
ALICE = Login("alice", "fixture", "true")
UNMASK = ("unit.names=systemd-user-sessions.service", "unit.action=unmask")
WRITES = Login("alice", "fixture", "head -c 1000000 /dev/zero > here && rm here")
SSH = Login("root", "fixture", "systemctl is-system-running --wait; systemctl is-active ssh")
SUDO = Login("alice", "fixture", "echo fixture | sudo -S -p '' true")


@dataclass(frozen=True, slots=True)
class Case:
    """One ailment of a real guest.

    :param ailment: its name in ``fixtures/ailments``.
    :param repairs: named where it is somebody's choice; without any, ``repair --auto``.
    :param settings: of these repairs. {package NAME} is the package file of what the guest has installed as NAME.
    :param login: who logs in and what has to succeed then; None: the prompt is enough.
    """

    ailment: str
    repairs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    login: Login | None = None


def _fill(image: Path) -> None:
    """Let a log take all the room; its blocks are only named, so that this takes no time."""
    script = "fallocate -l $(($(stat -f -c '%f * %S' /var/log) - 65536)) /var/log/app.log || true"
    change(image, lambda guest: [RunInGuest(f"{script}; stat -f /var/log")])


def _no_entries(image: Path) -> None:
    remove(image, "/boot/efi/loader/entries/*.conf")


def _no_fallback(image: Path) -> None:
    remove(image, "/boot/efi/EFI/BOOT")


def _cut_both(image: Path) -> None:
    """The initial RAM disk that the guest has made, and the copy on the ESP that it starts from."""
    cut(image, "/boot/initrd.img-*", 20_000_000)
    cut(image, COPIES, 20_000_000)


def _stale(image: Path) -> None:
    """The copy on the ESP is of the kernel before: its modules lie in another folder, and all else is the same."""

    def older(packed: bytes) -> bytes:
        return gzip.compress(
            re.sub(rb"(lib/modules/\d+\.\d+\.\d+-)\d+-", _one_less, gzip.decompress(packed)), 1
        )

    change(
        image,
        lambda guest: [
            WriteFile(path, older(guest.files.read_bytes(path, limit=256 << 20)))
            for path in guest.files.glob(COPIES)
        ],
    )


def _one_less(found: re.Match[bytes]) -> bytes:
    number = found[0][len(found[1]) : -1]
    return found[1] + b"%0*d-" % (len(number), int(number) - 1)


SYSTEMD_BOOT = "real-systemd-boot"
COPIES = "/boot/efi/*/*/initrd*"  # of what kernel-install has copied to the ESP
# What only boots: making it boots the appliance, or it is of a guest that no other test has.
OWN = (
    Ailment("root-full-of-logs", "real", _fill, "filesystem-full", "make-room"),
    Ailment("loader-entry-gone", SYSTEMD_BOOT, _no_entries, "boot-entries-missing", "boot-entries"),
    Ailment("dracut-initrd-cut", SYSTEMD_BOOT, _cut_both, "initrd-damaged", "initramfs"),
    Ailment("esp-initrd-stale", SYSTEMD_BOOT, _stale, "initrd-modules-foreign", "initramfs"),
    Ailment("esp-fallback-gone", SYSTEMD_BOOT, _no_fallback, "efi-fallback-missing", "systemd-boot"),
)
CASES = (
    Case("fstab-data-disk-gone", ("fstab",)),
    Case("fstab-lvm-name"),
    Case("boot-code-zeroed"),
    Case("grub-core-zeroed"),
    Case("grub-core-overwritten"),
    Case("grub-cfg-gone"),
    Case("grub-modules-gone"),
    Case("root-uuid-wrong"),
    Case("root-volume-renamed"),
    Case("initrd-cut"),
    Case("kernel-gone", ("package-files",), ("package-files.file={package linux-image}",)),
    Case("init-link-gone"),
    Case("loader-link-gone"),
    Case("init-shell-left"),
    Case("ext-journal-error-real"),
    Case("ext-journal-gone"),
    Case("root-full-of-logs", ("make-room",), ("make-room.which=large-logs",), WRITES),
    Case("root-locked", ("password",), ("password.user=root", "password.secret=file:{secret}"), ROOT),
    Case("nologin-left-real", ("nologin", "unit"), UNMASK, ALICE),
    Case("sshd-no-keyword-real", (), (), SSH),
    Case("ssh-keys-gone", (), (), SSH),
    Case("sudoers-writable-real", (), (), SUDO),
    Case("loader-entry-gone"),
    Case("dracut-initrd-cut"),
    Case("esp-initrd-stale"),
    Case("esp-fallback-gone", ("systemd-boot",)),
)
