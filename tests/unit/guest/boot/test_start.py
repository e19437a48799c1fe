"""What the menu starts, which files its entries name, and what is wrong with the menu itself."""

from __future__ import annotations

import pytest

from imgtools.guest.boot.start import Start, broken_text, grubenv_problem, home_without_menu, read_start
from tests.support.memory import Content, memory_files

HEADER = """if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="DEFAULT"
fi
function load { insmod "x{" }
# a { in a comment
"""
ENTRIES = """menuentry 'New' $menuentry_id_option 'new' {
  linux /vmlinuz-2 root=/dev/vda1 quiet
  initrd /early.img /initrd-2
}
menuentry 'Old' --id 'old' {
  linux /vmlinuz-1 root=/dev/vda1
  initrd /initrd-1
}
"""


def start(default: str, env: str = "", files: dict[str, Content] | None = None) -> Start:
    block = f"# GRUB Environment Block\n{env}\n"
    text = HEADER.replace("DEFAULT", default) + ENTRIES
    there: dict[str, Content] = {"/boot/grub/grub.cfg": text, "/boot/grub/grubenv": block.ljust(1024, "#")}
    return read_start(memory_files({**there, "/boot/vmlinuz-2": "", "/boot/initrd-2": "", **(files or {})}))


@pytest.mark.parametrize(
    ("default", "env", "started", "is_there"),
    [
        ("0", "", "new", True),
        ("1", "", "old", True),
        ("old", "", "old", True),
        ("${saved_entry}", "saved_entry=old", "old", True),
        ("${saved_entry}", "saved_entry=Old", "old", True),
        ("${saved_entry}", "", "new", True),
        ("0", "next_entry=old", "old", True),
        ("gone", "", "new", False),
        ("${saved_entry}", "saved_entry=gone", "new", False),
        ("7", "", "new", False),
    ],
)
def test_the_default_entry(default: str, env: str, started: str, is_there: bool) -> None:
    found = start(default, env)
    assert found.default and found.default.entry.id == started
    assert found.default_is_there is is_there


def test_files_are_found_where_the_guest_has_them() -> None:
    first, second = start("0").entries
    assert first.kernel and first.kernel.path == "/boot/vmlinuz-2"
    assert [(one.said, one.path) for one in first.initrds] == [
        ("/early.img", ""),
        ("/initrd-2", "/boot/initrd-2"),
    ]
    assert second.kernel and second.kernel.path == ""


def test_names_of_variables_and_subvolumes() -> None:
    text = "menuentry 'x' {\n linux /@/boot/vmlinuz-3 root=x\n initrd $tuned /@/boot/initrd-3\n}\n"
    found = read_start(
        memory_files({"/boot/grub/grub.cfg": text, "/boot/vmlinuz-3": "", "/boot/initrd-3": ""})
    )
    assert found.default and found.default.kernel and found.default.kernel.path == "/boot/vmlinuz-3"
    assert [one.path for one in found.default.initrds] == ["/boot/initrd-3"]


def test_a_guest_without_a_boot_loader() -> None:
    assert read_start(memory_files({"/etc/fstab": ""})) == Start("", "", "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEADER + ENTRIES, ""),
        ("", ""),
        (ENTRIES[:-3], "2 braces are opened and 1 closed"),
        ("set x=1\n\0\0", "there are zeros in line 2"),
    ],
)
def test_a_configuration_that_does_not_parse(text: str, problem: str) -> None:
    assert broken_text(text) == problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("# GRUB Environment Block\n".ljust(1024, "#"), ""),
        ("# GRUB Environment Block\n", ""),
        ("# GRUB Environment Block\nsaved_entry=x\n", ""),
        (
            "# GRUB Environment Block\n".ljust(1024, "#") + "\n",
            "it has 1025 bytes, not 1024: GRUB cannot change it",
        ),
        ("\0" * 1024, "it is empty"),
        ("", "it is empty"),
        ("saved_entry=x\n", "it does not begin as an environment block does"),
    ],
)
def test_an_environment_block(content: str, problem: str) -> None:
    assert grubenv_problem(memory_files({"/grubenv": content}), "/grubenv") == problem
    assert grubenv_problem(memory_files({}), "/grubenv") == ""


def test_a_grub_without_its_configuration() -> None:
    modules: dict[str, Content] = {"/boot/grub/i386-pc/normal.mod": ""}
    assert home_without_menu(memory_files(modules)) == "/boot/grub"
    assert home_without_menu(memory_files({**modules, "/boot/grub/grub.cfg": ""})) == ""


def test_a_stub_that_leads_nowhere() -> None:
    stub = "search --fs-uuid --set=dev x\nset prefix=($dev)/grub2\nconfigfile $prefix/grub.cfg\n"
    assert read_start(memory_files({"/boot/efi/EFI/rocky/grub.cfg": stub})).is_stub


def test_a_default_may_be_a_title_with_spaces() -> None:
    text = "set default=\"Debian GNU/Linux\"\nmenuentry 'Debian GNU/Linux' {\n  linux /vmlinuz-2\n}\n"
    found = start("0", files={"/boot/grub/grub.cfg": text})
    assert found.default_is_there and found.wanted == "Debian GNU/Linux"
