"""Set the language of the guest: ``de_DE.UTF-8``, a locale that it has or can make; of a Windows ``de-DE``.

Of Windows guests those that wait for their setup: formats, keyboard, the language of programs that know no Unicode and,
if its language pack is installed, what Windows itself speaks.

Of Linux guests, ``C.UTF-8`` is there everywhere but on Red Hat's systems before 8. One that the guest has only the
source of is enabled in /etc/locale.gen, and the guest's own locale-gen is run, in the libguestfs appliance. What
overrules LANG in the same file (LC_ALL, LANGUAGE) goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, RunInGuest, WriteFile
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.network.interface_files import folder_of
from imgtools.guest.services.started import Init, find_init
from imgtools.guest.settings.locales import has_locale, locale_gen_line, plain_name
from imgtools.guest.settings.variables import set_variables
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.ops.windows_answers import told_to_setup
from imgtools.records.system import OsType

NAME = r"(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)(\.[A-Za-z0-9-]+)?(@[A-Za-z0-9]+)?"
WINDOWS_NAME = r"[a-z]{2,3}(-[A-Z][a-z]{3})?-[A-Z]{2}"
LANGUAGES = r"HKLM\SYSTEM\CurrentControlSet\Control\MUI\UILanguages"
LOCALE_GEN = ("/usr/sbin/locale-gen", "/usr/bin/locale-gen")
PACKAGES = (
    "--install with the language's package first: locales, glibc-langpack-de, glibc-locale, musl-locales"
)
PROFILE = "/etc/profile.d/zz-locale.sh"
OVERRULING = ("LC_ALL", "LANGUAGE")


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files that hold the locale, and what makes it where it is not there yet.

    :raises UsageError: it is no locale.
    :raises UnsupportedGuest: the guest neither has it nor can make it, or is a Windows that is set up already.
    """
    locale = order.text
    if guest.os.type is OsType.WINDOWS:
        yield from _of_windows(guest, locale)
        return
    if not re.fullmatch(NAME, locale):
        raise UsageError(f"not a locale: {locale!r}", hint="de_DE.UTF-8, or C.UTF-8")
    # glibc has C.UTF-8 built in since 2.35, and distributions added it before; Red Hat did so with its 8.
    old_red_hat = guest.os.is_family("rhel") and 5 <= guest.os.major < 8
    always = ("C", "POSIX") if old_red_hat else ("C", "POSIX", "C.utf8")
    if plain_name(locale) not in always and not has_locale(guest.files, locale):
        yield from _make(guest.files, locale)
    yield from _say(guest, locale)


def _of_windows(guest: Guest, locale: str) -> Iterator[Change]:
    name = locale.partition(".")[0].replace("_", "-")
    if not re.fullmatch(WINDOWS_NAME, name):
        raise UsageError(f"not a locale of Windows: {locale!r}", hint="de-DE")
    from imgtools.guest.windows.answers import INTERNATIONAL, OOBE, Answers
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        speaks = registry.find(rf"{LANGUAGES}\{name}") is not None

    def edit(answers: Answers) -> None:
        for setting in ("InputLocale", "SystemLocale", "UserLocale", *(["UILanguage"] if speaks else [])):
            answers.set(OOBE, INTERNATIONAL, setting, text=name)

    yield from told_to_setup(guest, "locale", edit)


def _make(files: GuestReader, locale: str) -> Iterator[Change]:
    line = locale_gen_line(files, locale)
    if not line or not any(files.is_file(path) for path in LOCALE_GEN):
        raise UnsupportedGuest(f"the guest has no locale {locale}, and cannot make it", hint=PACKAGES)
    path = "/etc/locale.gen"
    text = files.read_text(path) if files.is_file(path) else ""
    enabled = re.sub(rf"(?m)^#\s*{re.escape(line)}\s*$", line, text, count=1)
    if line not in (one.strip() for one in enabled.splitlines()):
        enabled += ("" if not enabled or enabled.endswith("\n") else "\n") + f"{line}\n"
    if enabled != text:
        yield WriteFile(path, enabled.encode("utf-8", "surrogateescape"))
    yield RunInGuest("locale-gen", what="locale-gen")


def _say(guest: Guest, locale: str) -> Iterator[Change]:
    """In the file that the family reads at start and login."""
    files, said = guest.files, {"LANG": locale}
    if guest.os.is_family("debian"):
        yield from set_variables(files, "/etc/default/locale", said, without=OVERRULING)
    elif guest.os.is_family("alpine"):
        # The last of the files that /etc/profile reads: old versions of Alpine's own locale.sh say C.UTF-8 always.
        yield from folder_of(files, PROFILE)
        yield WriteFile(PROFILE, f"export LANG={locale}\n".encode())
    elif find_init(files) is not Init.SYSTEMD and files.is_dir("/etc/sysconfig"):
        if files.is_file("/etc/sysconfig/language"):
            said = {"RC_LANG": locale}
            yield from set_variables(
                files, "/etc/sysconfig/language", said, without=("RC_LC_ALL",), quote='"'
            )
        else:
            yield from set_variables(files, "/etc/sysconfig/i18n", said, without=OVERRULING, quote='"')
    else:
        yield from set_variables(files, "/etc/locale.conf", said, without=OVERRULING)
        if files.is_file("/etc/sysconfig/language"):
            yield from set_variables(files, "/etc/sysconfig/language", {"RC_LANG": locale}, quote='"')


OPERATION = Operation(
    summary="Set the language and character set",
    how="a locale as de_DE.UTF-8, of Windows de-DE",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    metavar="LOCALE",
)
