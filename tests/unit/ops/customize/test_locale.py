"""The language: in the file that each family reads, and only one that the guest has or can make."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from imgtools.change.change import RunInGuest
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.ops.customize_plan import Named, Order, plan_orders
from tests.support.customized import customized, guest_with
from tests.support.memory import Content, link

NAMES = b"\0de_DE.utf8\0en_US.utf8\0"
ARCHIVE = struct.pack("<8I", 0xDE020109, 1, 56, 0, 0, 56, len(NAMES), len(NAMES)).ljust(56, b"\0") + NAMES
SYSTEMD: dict[str, Content] = {"/sbin/init": link("/lib/systemd/systemd"), "/lib/systemd/systemd": ""}
HAS: dict[str, Content] = {"/usr/lib/locale/locale-archive": ARCHIVE}
Case = tuple[dict[str, Content], tuple[str, ...], str, str, str]
CASES: dict[str, Case] = {
    "debian": (
        {**HAS, "/etc/default/locale": "LANG=en_US.UTF-8\nLANGUAGE=en\nLC_ALL=C\nLC_TIME=C\n"},
        ("debian",),
        "de_DE.UTF-8",
        "/etc/default/locale",
        "LANG=de_DE.UTF-8\nLC_TIME=C\n",
    ),
    "always-there": (SYSTEMD, ("ubuntu", "debian"), "C.UTF-8", "/etc/default/locale", "LANG=C.UTF-8\n"),
    "fedora": (
        {**SYSTEMD, "/usr/lib/locale/de_DE.utf8/LC_CTYPE": "", "/etc/locale.conf": 'LANG="en_US.UTF-8"\n'},
        ("fedora",),
        "de_DE.UTF-8",
        "/etc/locale.conf",
        "LANG=de_DE.UTF-8\n",
    ),
    "rhel6": (
        {**HAS, "/sbin/initctl": "", "/etc/sysconfig/i18n": 'LANG="en_US.UTF-8"\nSYSFONT="x"\n'},
        ("rhel", "fedora"),
        "de_DE.utf8",
        "/etc/sysconfig/i18n",
        'LANG="de_DE.utf8"\nSYSFONT="x"\n',
    ),
    "suse": (
        {**SYSTEMD, **HAS, "/etc/sysconfig/language": 'RC_LANG=""\n'},
        ("opensuse-leap", "suse"),
        "de_DE.UTF-8",
        "/etc/sysconfig/language",
        'RC_LANG="de_DE.UTF-8"\n',
    ),
    "alpine": (
        {"/usr/share/i18n/locales/musl/de_DE.UTF-8": ""},
        ("alpine",),
        "de_DE.UTF-8",
        "/etc/profile.d/zz-locale.sh",
        "export LANG=de_DE.UTF-8\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_language_is_said_where_the_family_reads_it(case: str) -> None:
    files, families, locale, path, wanted = CASES[case]
    assert customized(files, ("locale", locale), families=families).read_text(path) == wanted


SOURCE: dict[str, Content] = {
    "/usr/sbin/locale-gen": "",
    "/usr/share/i18n/SUPPORTED": "de_DE.UTF-8 UTF-8\nde_DE ISO-8859-1\n",
    "/etc/locale.gen": "# a list\n# de_DE ISO-8859-1\n# de_DE.UTF-8 UTF-8\nen_US.UTF-8 UTF-8\n",
}


def test_a_locale_that_can_be_made_is_made() -> None:
    guest, _ = guest_with(SOURCE, "debian")
    plan = tuple(plan_orders(guest, [Named("locale", Order("de_DE.UTF-8"))]))
    assert [one.script for one in plan if isinstance(one, RunInGuest)] == ["locale-gen"]
    tree = customized(SOURCE, ("locale", "de_DE.UTF-8"))
    assert tree.read_text("/etc/locale.gen") == (
        "# a list\n# de_DE ISO-8859-1\nde_DE.UTF-8 UTF-8\nen_US.UTF-8 UTF-8\n"
    )


@pytest.mark.parametrize(
    ("files", "locale"), [({}, "de_DE.UTF-8"), (SOURCE, "fr_FR.UTF-8"), (HAS, "de_AT.UTF-8"), (HAS, "de_DE")]
)
def test_a_locale_that_is_not_there_is_an_error(files: dict[str, Content], locale: str) -> None:
    with pytest.raises(UnsupportedGuest, match=f"no locale {locale}"):
        customized(files, ("locale", locale))


@pytest.mark.parametrize("text", ["german", "de_DE.UTF-8\nLC_ALL=C", "../x", "de-DE"])
def test_what_is_no_locale(text: str) -> None:
    with pytest.raises(UsageError, match="not a locale"):
        customized(HAS, ("locale", text))


def test_old_red_hat_has_no_c_utf8() -> None:
    guest, _ = guest_with({}, "rhel", "fedora")
    old = replace(guest, os=replace(guest.os, major=7))
    with pytest.raises(UnsupportedGuest, match=r"no locale C\.UTF-8"):
        tuple(plan_orders(old, [Named("locale", Order("C.UTF-8"))]))
