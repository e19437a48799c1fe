"""The repairs of boot menus and kernel arguments: what each changes, what it leaves, and that it is done then."""

from __future__ import annotations

import re

import pytest

from imgtools.change.change import RunInGuest
from imgtools.errors import UnsupportedGuest
from imgtools.guest.boot.bootloader import find_boot
from imgtools.guest.guest import Guest
from tests.support.linux_boot import FILES, GONE, MBR, NEW, OLD, ROOT, ROOT_UUID, SWAP_UUID, debian, grub_cfg
from tests.support.memory import Content, directory
from tests.support.repairs import SHELF, mended, planned

CFG, ENV, GRUB = "/boot/grub/grub.cfg", "/boot/grub/grubenv", "/etc/default/grub"
FILE_REPAIRS = (
    "boot-code", "boot-entries", "cmdline-words", "default-kernel", "filesystem-check", "grub-config", "grub-env",
    "init-link", "initramfs", "libc-links", "packages-interrupted", "partition-table", "resume-device", "root-device",
    "usrmerge-links",
)  # fmt: skip


def text(guest: Guest, path: str) -> str:
    return guest.files.read_text(path)


@pytest.mark.parametrize("name", FILE_REPAIRS)
def test_a_healthy_guest_needs_nothing(name: str) -> None:
    operation = SHELF[name].operation
    assert operation.lacking(debian()) != "" or list(operation.plan(debian(), operation.params())) == []


# -- default-kernel --------------------------------------------------------------------------------------------


def test_an_older_kernel_is_started() -> None:
    _, guest = mended("default-kernel", debian(), kernel=OLD)
    wanted = f"gnulinux-advanced-{ROOT_UUID}>gnulinux-{OLD}-advanced-{ROOT_UUID}"
    assert f'set default="{wanted}"' in text(guest, CFG) and 'set default="${next_entry}"' in text(guest, CFG)
    assert f'GRUB_DEFAULT="{wanted}"' in text(guest, GRUB)
    assert [one.version for one in find_boot(guest.files, (MBR,)).kernels if one.default] == [OLD]


def test_a_default_whose_kernel_is_gone_is_replaced_by_one_that_is_whole() -> None:
    _, guest = mended("default-kernel", debian({f"/boot/vmlinuz-{NEW}": None}))
    assert f"gnulinux-{OLD}-advanced" in text(guest, CFG).partition("fi\n")[0]


def test_a_missing_initramfs_is_for_what_makes_it() -> None:
    gone: dict[str, Content | None] = {f"/boot/initrd.img-{NEW}": None}
    assert planned("default-kernel", debian(gone)) == ()
    assert planned("default-kernel", debian({**gone, "/usr/sbin/update-initramfs": None})) != ()


def test_a_saved_default_is_saved_anew_and_the_next_one_forgotten() -> None:
    saved = grub_cfg(NEW, OLD).replace('default="0"', 'default="${saved_entry}"')
    block = f"# GRUB Environment Block\nsaved_entry=gone\nnext_entry=gone\nkept=1\n{'#' * 900}"
    _, guest = mended("default-kernel", debian({CFG: saved, ENV: block}), kernel=OLD)
    assert text(guest, CFG) == saved and len(text(guest, ENV)) == 1024
    lines = text(guest, ENV).splitlines()
    assert lines[1] == f"saved_entry=gnulinux-advanced-{ROOT_UUID}>gnulinux-{OLD}-advanced-{ROOT_UUID}"
    assert "kept=1" in lines and not [one for one in lines if one.startswith("next_entry")]


def test_a_default_that_names_no_entry_names_one() -> None:
    cfg = grub_cfg(NEW, OLD).replace('default="0"', 'default="gone"')
    _, guest = mended("default-kernel", debian({CFG: cfg}))
    assert f'set default="gnulinux-simple-{ROOT_UUID}"' in text(guest, CFG)


@pytest.mark.parametrize(
    ("config", "before", "after"),
    [
        ("/boot/loader/loader.conf", "timeout 3\ndefault new.conf\n", "timeout 3\ndefault old.conf\n"),
        ("/boot/loader/loader.conf", "timeout 3\n", "default old.conf\ntimeout 3\n"),
    ],
)
def test_systemd_boot(config: str, before: str, after: str) -> None:
    entry = (
        "title {0}\nversion {0}\nlinux /vmlinuz-{0}\ninitrd /initrd.img-{0}\noptions root=UUID=" + ROOT_UUID
    )
    files: dict[str, Content | None] = {CFG: None, config: before}
    files |= {f"/boot/loader/entries/{n}.conf": entry.format(v) for n, v in (("old", OLD), ("new", NEW))}
    _, guest = mended("default-kernel", debian(files), kernel=OLD)
    assert text(guest, config) == after


def test_extlinux() -> None:
    config = f"DEFAULT new\nLABEL new\n LINUX /boot/vmlinuz-{NEW}\nLABEL old\n LINUX /boot/vmlinuz-{OLD}\n"
    _, guest = mended("default-kernel", debian({CFG: None, "/boot/extlinux.conf": config}), kernel=OLD)
    assert text(guest, "/boot/extlinux.conf").startswith("DEFAULT old\nLABEL new")


def test_a_kernel_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnsupportedGuest, match=r"no kernel 5\.0") as caught:
        planned("default-kernel", debian(), kernel="5.0")
    assert NEW in caught.value.hint and OLD in caught.value.hint
    with pytest.raises(UnsupportedGuest, match="no entry for kernel"):
        planned("default-kernel", debian({CFG: grub_cfg(NEW)}), kernel=OLD)


# -- grub-env --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["", "saved_entry=a\n", "x" * 2000 + "\nsaved_entry=a\n", "\0" * 1024])
def test_a_damaged_block_is_made_anew_with_what_can_be_read(block: str) -> None:
    _, guest = mended("grub-env", debian({ENV: block}))
    made = text(guest, ENV)
    assert len(made) == 1024 and made.startswith("# GRUB Environment Block\n")
    assert ("saved_entry=a\n" in made) == ("saved_entry" in block)


def test_variables_are_taken_out() -> None:
    block = "# GRUB Environment Block\nnext_entry=a\\\\b\nrecordfail=1\n".ljust(1024, "#")
    _, guest = mended("grub-env", debian({ENV: block}), unset="next_entry")
    assert "next_entry" not in text(guest, ENV) and "recordfail=1" in text(guest, ENV)


# -- boot-entries ----------------------------------------------------------------------------------------------


def entries(*versions: str) -> dict[str, Content | None]:
    return {
        f"/boot/loader/entries/{one}.conf": f"title x\nversion {one}\nlinux /vmlinuz-{one}\n"
        for one in versions
    }


def test_entries_of_kernels_that_are_gone_go() -> None:
    lines, _ = mended("boot-entries", debian(entries(OLD, "5.10")))
    assert lines == ["remove /boot/loader/entries/5.10.conf"]


def test_the_last_entry_is_made_anew_not_removed() -> None:
    files = entries("5.10") | {"/usr/bin/kernel-install": "", f"/usr/lib/modules/{NEW}/vmlinuz": "x"}
    older, newest = planned("boot-entries", debian(files))
    assert isinstance(older, RunInGuest) and isinstance(newest, RunInGuest)
    assert f"kernel-install add {OLD} /boot/vmlinuz-{OLD}\n" in older.script  # Debian's lie in /boot alone
    assert f"kernel-install add {NEW} /usr/lib/modules/{NEW}/vmlinuz\n" in newest.script
    with pytest.raises(UnsupportedGuest):
        planned("boot-entries", debian(entries("5.10")))


def made_entry(files: dict[str, Content | None]) -> str:
    """The script that makes an entry in a guest whose boot loader is not GRUB."""
    bare: dict[str, Content | None] = {
        CFG: None,
        "/boot/loader/loader.conf": "",
        "/usr/bin/kernel-install": "",
    }
    change = planned("boot-entries", debian(bare | {"/boot/loader/entries": directory()} | files))[-1]
    assert isinstance(change, RunInGuest)
    return change.script


LOG = "/var/log/kern.log"
LINE = "2026-01-01T00:00:00 host kernel: [    0.0] {}Linux version 6\n2026-01-01T00:00:00 host kernel: [    0.0] {}\n"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({GRUB: None}, f"root=UUID={ROOT_UUID} ro"),
        ({GRUB: 'GRUB_CMDLINE_LINUX="console=ttyS0"\n'}, f"root=UUID={ROOT_UUID} console=ttyS0 ro"),
        (
            {
                GRUB: None,
                LOG: LINE.format("", f"Command line: initrd=x root=UUID={ROOT_UUID} rw quiet init=/bin/sh"),
            },
            f"root=UUID={ROOT_UUID} rw quiet",
        ),
        (
            {GRUB: None, LOG: LINE.format("", f"Command line: root=UUID={GONE} a=$(id)")},
            f"root=UUID={ROOT_UUID} ro",
        ),
        (
            {"/boot/loader/entries/x.conf": f"linux /gone\noptions root={ROOT.device} x=1\n"},
            f"root={ROOT.device} x=1 ro",
        ),
    ],
)
def test_what_a_new_entry_says_is_not_the_running_kernels(
    files: dict[str, Content | None], said: str
) -> None:
    lines = made_entry(files).split("\n")
    assert f"echo '{said}' >/etc/kernel/cmdline" in lines
    assert "trap 'rm -f /etc/kernel/cmdline' EXIT" in lines


def test_what_the_guest_says_itself_is_left_to_kernel_install() -> None:
    script = made_entry({"/etc/kernel/cmdline": "root=x\n", "/usr/bin/dracut": ""})
    assert "cmdline" not in script and "echo hostonly=no >/etc/dracut.conf.d/zz-any-hardware.conf" in script
    assert "trap 'rm -f /etc/dracut.conf.d/zz-any-hardware.conf' EXIT" in script


# -- root-device, resume-device --------------------------------------------------------------------------------


def test_a_root_that_is_not_there_is_named_rightly_everywhere() -> None:
    files: dict[str, Content | None] = {
        CFG: grub_cfg(NEW, root=GONE),
        "/etc/kernel/cmdline": f"root=UUID={GONE} ro\n",
    }
    _, guest = mended("root-device", debian(files))
    assert GONE not in text(guest, CFG) and text(guest, CFG) == grub_cfg(NEW)
    assert text(guest, "/etc/kernel/cmdline") == f"root=UUID={ROOT_UUID} ro\n"


def test_the_uuid_of_another_volume_is_no_root_and_names_of_disks_are_left() -> None:
    _, guest = mended(
        "root-device",
        debian({CFG: grub_cfg(NEW).replace(f"root=UUID={ROOT_UUID}", f"root=UUID={SWAP_UUID}")}),
    )
    assert SWAP_UUID not in text(guest, CFG)
    for name in ("/dev/vda1", "/dev/sda1", "/dev/nvme0n1p1", "zfs:tank", "/dev/nfs"):
        cfg = grub_cfg(NEW).replace(f"root=UUID={ROOT_UUID}", f"root={name}")
        if name != "/dev/nfs":
            assert planned("root-device", debian({CFG: cfg})) == ()


def test_arguments_of_lvm_and_luks_that_lead_nowhere_go() -> None:
    words = f"ro rd.lvm.lv=gone/root rd.luks.uuid=luks-{GONE} quiet"
    _, guest = mended("root-device", debian({CFG: grub_cfg(NEW, words=words)}))
    assert text(guest, CFG) == grub_cfg(NEW)


def test_systems_that_os_prober_found_keep_theirs() -> None:
    other = f"### BEGIN /etc/grub.d/30_os-prober ###\n search --fs-uuid {GONE}\n linux /vmlinuz root=UUID={GONE}\n"
    assert planned("root-device", debian({CFG: grub_cfg(NEW) + other})) == ()


def test_what_is_asked_for_is_what_the_root_is_called() -> None:
    _, guest = mended("root-device", debian(), device="LABEL=root")
    assert "root=LABEL=root" in text(guest, CFG) and f"--set=root {ROOT_UUID}" in text(guest, CFG)


def test_resume_is_that_of_the_swap_or_goes() -> None:
    bad: dict[str, Content | None] = {CFG: grub_cfg(NEW, words=f"ro resume=UUID={GONE}")}
    bad["/etc/initramfs-tools/conf.d/resume"] = f"RESUME=UUID={GONE}\n"
    _, guest = mended("resume-device", debian(bad))
    assert f"resume=UUID={SWAP_UUID}" in text(guest, CFG)
    assert text(guest, "/etc/initramfs-tools/conf.d/resume") == f"RESUME=UUID={SWAP_UUID}\n"
    _, guest = mended("resume-device", debian(bad, volumes=(ROOT,)))
    assert "resume" not in text(guest, CFG)
    assert text(guest, "/etc/initramfs-tools/conf.d/resume") == "RESUME=none\n"


# -- cmdline-words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    ["init=/bin/sh", "init=/bin/bash", "init=/gone", "single", "S", "1", "emergency", "rescue", "rd.break",
     "rd.break=pre-mount", "systemd.unit=rescue.target", "systemd.unit=emergency.target", "systemd.unit=gone.target",
     "break=mount"],
)  # fmt: skip
def test_words_that_stop_the_boot_go(word: str) -> None:
    files: dict[str, Content | None] = {CFG: grub_cfg(NEW, words=f"ro {word} quiet")}
    files[GRUB] = f'GRUB_CMDLINE_LINUX="{word}"\n'
    files["/usr/lib/systemd/system/graphical.target"] = ""
    _, guest = mended("cmdline-words", debian(files))
    assert text(guest, CFG) == grub_cfg(NEW)  # the entry for recovery still says single
    assert text(guest, GRUB) == 'GRUB_CMDLINE_LINUX=""\n'


@pytest.mark.parametrize(
    "words", ["ro quiet splash", "ro init=/usr/lib/systemd/systemd", "ro systemd.unit=graphical.target"]
)
def test_ordinary_words_stay(words: str) -> None:
    files: dict[str, Content | None] = {
        CFG: grub_cfg(NEW, words=words),
        "/usr/lib/systemd/system/graphical.target": "",
    }
    assert planned("cmdline-words", debian(files)) == ()


def test_other_words_are_taken_away_when_they_are_named() -> None:
    cfg = grub_cfg(NEW, words="ro systemd.mask=sshd.service")
    _, guest = mended("cmdline-words", debian({CFG: cfg}), words="systemd.mask=sshd.service")
    assert re.search(r"linux\t/boot/vmlinuz-\S+ root=\S+ ro\n", text(guest, CFG))


def test_a_guest_without_a_menu_has_none_that_is_changed() -> None:
    guest = debian(
        {path: None for path in FILES if path.startswith(("/boot/", GRUB))} | {"/boot": directory()}
    )
    for name in ("default-kernel", "grub-env", "boot-entries"):
        assert SHELF[name].operation.lacking(guest) != ""
    for name in ("root-device", "resume-device", "cmdline-words"):
        assert planned(name, guest) == ()
