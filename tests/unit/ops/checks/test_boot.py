"""Checks of the boot loader: who may change what it starts, and what it tells the kernel."""

from __future__ import annotations

import pytest

from imgtools.records.audit import Result
from tests.support.checks import Case, hold, report_of
from tests.support.memory import Content, Node, link

CFG = "/boot/grub/grub.cfg"
HASH = "password_pbkdf2 root grub.pbkdf2.sha512.10000.AA.BB"


def menu(arguments: str, title: str = "Debian") -> str:
    return f"menuentry '{title}' {{\nlinux /vmlinuz-6 root=/dev/vda1 {arguments}\ninitrd /initrd\n}}\n"


def argument(id: str, word: str, good: str = "quiet", *, fixed: bool = True) -> Case:
    return Case(
        id,
        {CFG: menu(f"ro {word} quiet"), "/etc/default/grub": f'GRUB_CMDLINE_LINUX="{word}"\n'},
        (f"{CFG} {word}",),
        {CFG: menu(good) + menu(word, "Debian (recovery mode)")},
        fixed=fixed,
    )


CASES = (
    argument("boot-mitigations", "mitigations=off", "mitigations=auto,nosmt"),
    argument("boot-mitigations", "spectre_v2=off", "spectre_v2=on"),
    argument("boot-kernel-protections", "nokaslr", "kaslr"),
    argument("boot-access-control", "selinux=0", "selinux=1", fixed=False),
    argument("boot-access-control", "apparmor=0", "apparmor=1", fixed=False),
    argument("boot-audit-off", "audit=0", "audit=1"),
    argument("boot-shell", "init=/bin/bash", "init=/usr/lib/systemd/systemd"),
    argument("boot-shell", "systemd.debug_shell", "systemd.debug_shell=0"),
    Case(
        "boot-shell",
        {CFG: "", "/etc/kernel/cmdline": "root=/dev/vda1 rd.break\n"},
        ("/etc/kernel/cmdline rd.break",),
        {CFG: "", "/etc/kernel/cmdline": "root=/dev/vda1\n"},
        fixed=True,
    ),
    Case(
        "boot-loader-password",
        {CFG: menu("quiet")},
        (CFG,),
        {CFG: f'set superusers="root"\n{HASH}\n' + menu("quiet")},
    ),
    Case(
        "boot-loader-password",
        {CFG: 'set superusers="root"\npassword root geheim\n' + menu("quiet")},
        (f"{CFG}:2",),
        {
            "/boot/grub2/grub.cfg": 'set superusers="root"\n' + menu("quiet"),
            "/boot/grub2/user.cfg": "GRUB2_PASSWORD=grub.pbkdf2.sha512.1.A.B\n",
        },
    ),
    Case(
        "boot-menu-editor",
        {"/boot/loader/loader.conf": "timeout 3\neditor yes\n", CFG: link("/nowhere")},
        ("/boot/loader/loader.conf",),
        {"/boot/loader/loader.conf": "editor no\n", CFG: link("/nowhere")},
        fixed=True,
    ),
    Case(
        "boot-menu-editor",
        {"/boot/loader/loader.conf": "timeout 3", CFG: link("/nowhere")},
        ("/boot/loader/loader.conf",),
        {CFG: ""},
        fixed=True,
    ),
    Case(
        "boot-grub-mode",
        {
            CFG: Node(mode=0o664),
            "/boot/grub2/user.cfg": Node(mode=0o644, content=b"GRUB2_PASSWORD=grub.pbkdf2.x\n"),
        },
        (CFG, "/boot/grub2/user.cfg"),
        {CFG: Node(mode=0o644), "/boot/grub2/user.cfg": Node(mode=0o600, content=b"GRUB2_PASSWORD=x\n")},
        fixed=True,
    ),
    Case(
        "boot-grub-mode",
        {CFG: Node(mode=0o604)},
        (CFG,),
        {CFG: Node(mode=0o600)},
        fixed=True,
        set={"strict": "yes"},
    ),
    Case("boot-grub-mode", {CFG: Node(mode=0o600, uid=1000)}, (CFG,), {CFG: Node(mode=0o400)}, fixed=True),
    Case(
        "boot-single-user",
        {
            "/usr/lib/systemd/system/rescue.service": "[Service]\nExecStart=-/lib/systemd/systemd-sulogin-shell a\n",
            "/etc/systemd/system/rescue.service.d/a.conf": "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n",
            "/usr/lib/systemd/system/emergency.service": "[Service]\nExecStart=-/bin/sh\n",
        },
        (
            "/etc/systemd/system/rescue.service.d/a.conf:2 rescue.service",
            "/usr/lib/systemd/system/emergency.service:2 emergency.service",
        ),
        {
            "/usr/lib/systemd/system/rescue.service": '[Service]\nExecStart=-/bin/sh -c "/sbin/sulogin; /bin/true"\n',
            "/etc/systemd/system/rescue.service.d/a.conf": "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=0\n",
        },
    ),
    Case(
        "boot-single-user",
        {"/etc/inittab": "id:2:initdefault:\n~~:S:wait:/bin/sh\n"},
        ("/etc/inittab:2",),
        {"/etc/inittab": "~~:S:wait:/sbin/sulogin\n#~~:S:wait:/bin/sh\n"},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_a_password_of_grub_is_not_shown() -> None:
    text = 'set superusers="root"\npassword root geheim\n' + menu("quiet")
    assert "geheim" not in repr(report_of(Case("boot-loader-password", {}, ()), {CFG: text}))


def test_a_menu_without_entries_is_not_decided() -> None:
    files: dict[str, Content] = {CFG: "configfile /elsewhere\n"}
    assert report_of(Case("boot-mitigations", {}, ()), files).result is Result.UNDECIDED
