r"""The registry of a Windows guest, or with ``hive`` one hive of the host in place of an image, as functions.

Keys are named as in regedit: ``HKLM\\SOFTWARE\\Microsoft``, ``HKU\\alice\\Environment``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import GuestOptions, HostPath, Images, make_request
from imgtools.door.writing import WriteOptions, read_asked
from imgtools.errors import HostError, UsageError

if TYPE_CHECKING:
    from imgtools.workflows.registry import ExportReport, HiveListReport, KeyListReport, KeyReport
    from imgtools.workflows.registry_diff import DiffReport
    from imgtools.workflows.registry_edit import How
    from imgtools.workflows.registry_search import SearchReport
    from imgtools.workflows.writing import PlanReport


class RegistryOptions(WriteOptions, total=False):
    """How a registry is changed."""

    hive: bool  # the image is no image, but a registry hive of this host
    user: str  # whom HKEY_CURRENT_USER means
    apply_log: bool  # write into a hive that was not closed what only its log holds
    backup: bool  # the old hive stays beside it, with the ending .bak


def registry_get(
    images: Images, key: str, value: str | None = None, *, hive: bool = False, **options: Unpack[GuestOptions]
) -> KeyReport:
    r"""Read a key of a Windows guest's registry, such as ``HKLM\SOFTWARE\Microsoft``: all values, or the one named.

    :raises NoSuchRegistryKey: no such key or value.
    :raises UnsupportedGuest: the guest is no Windows.
    """
    from imgtools.workflows.registry import read_key

    return read_key(make_request(images, **options), key, value, hive=hive)


def registry_list(
    images: Images, key: str, *, recursive: bool = False, hive: bool = False, **options: Unpack[GuestOptions]
) -> KeyListReport:
    r"""List the keys below a key of a Windows guest's registry, such as ``HKLM\SOFTWARE\Microsoft``.

    :param recursive: everything below it.
    :raises NoSuchRegistryKey: no such key.
    :raises UnsupportedGuest: the guest is no Windows.
    """
    from imgtools.workflows.registry import list_keys

    return list_keys(make_request(images, **options), key, recursive=recursive, hive=hive)


def registry_hives(images: Images, *, hive: bool = False, **options: Unpack[GuestOptions]) -> HiveListReport:
    """List the hives of a Windows guest's registry; one that is damaged is in the list with its problem.

    :raises UnsupportedGuest: the guest is no Windows.
    """
    from imgtools.workflows.registry import list_hives

    return list_hives(make_request(images, **options), hive=hive)


def registry_export(
    images: Images, key: str, *, hive: bool = False, **options: Unpack[GuestOptions]
) -> ExportReport:
    r"""Read a key of a Windows guest's registry and everything below it, all values with their bytes.

    :raises NoSuchRegistryKey: no such key.
    :raises UnsupportedGuest: the guest is no Windows.
    """
    from imgtools.workflows.registry import export_key

    return export_key(make_request(images, **options), key, hive=hive)


def registry_set(
    images: Images,
    key: str,
    value: str,
    data: str | int | bytes | Sequence[str],
    *,
    type: str | int | None = None,
    create_parents: bool = True,
    **options: Unpack[RegistryOptions],
) -> PlanReport:
    """Set a value of a key, "" being its default one; the key is made if it is missing.

    :param data: a text, a number, several texts, or the bytes as they are stored.
    :param type: ``sz``, ``dword`` and so on; without it what the value has, or what fits: SZ, DWORD, MULTI_SZ, BINARY.
    :raises UsageError: the data does not fit the type.
    :raises NoSuchRegistryKey: the key above is not there, and is not to be made.
    """
    from imgtools.change.change import RegistrySet
    from imgtools.workflows.registry_edit import set_value

    def wanted(old: str) -> RegistrySet:
        kind = str(type) if type is not None else old
        if isinstance(data, bytes):
            return RegistrySet("", "", value, kind or "REG_BINARY", data=data)
        if isinstance(data, int):
            return RegistrySet("", "", value, kind or "REG_DWORD", number=data)
        if isinstance(data, str):
            return RegistrySet("", "", value, kind or "REG_SZ", text=data)
        return RegistrySet("", "", value, kind or "REG_MULTI_SZ", texts=tuple(data))

    how, rest = _how(options, create_parents)
    asked = read_asked(images, **rest)
    return set_value(asked.request, asked.target, key, wanted, value=value, how=how, progress=asked.progress)


def registry_delete(
    images: Images,
    key: str,
    value: str | None = None,
    *,
    recursive: bool = False,
    **options: Unpack[RegistryOptions],
) -> PlanReport:
    """Delete a value of a key, "" being its default one, or without a value the key.

    :raises NoSuchRegistryKey: it is not there.
    :raises EditFailed: the key has subkeys, and they are not to go too.
    """
    from imgtools.workflows.registry_edit import delete

    how, rest = _how(options)
    asked = read_asked(images, **rest)
    return delete(
        asked.request, asked.target, key, value, recursive=recursive, how=how, progress=asked.progress
    )


def registry_merge(
    images: Images,
    files: HostPath | Sequence[HostPath],
    *,
    create_parents: bool = True,
    **options: Unpack[RegistryOptions],
) -> PlanReport:
    """Do what .reg files say, all of it in one transaction; of several orders for one value the last counts.

    :raises UsageError: a line does not parse.
    :raises HostError: a file cannot be read.
    """
    from imgtools.workflows.registry_edit import merge

    named = [files] if isinstance(files, str | Path) or not isinstance(files, Sequence) else files
    contents = [(str(one), _content(one)) for one in named]
    how, rest = _how(options, create_parents)
    asked = read_asked(images, **rest)
    return merge(asked.request, asked.target, contents, how=how, progress=asked.progress)


def registry_search(
    images: Images,
    text: str,
    *,
    look_at: Sequence[str] = ("keys", "values", "data"),
    regex: bool = False,
    within: str = "",
    hive: bool = False,
    **options: Unpack[GuestOptions],
) -> SearchReport:
    """Look for a text in names of keys, names of values and data.

    :param look_at: which of the three: "keys", "values", "data".
    :param within: a key; else every hive of the guest is looked through.
    :raises UsageError: the text is empty, or no regular expression.
    """
    from imgtools.workflows.registry_search import Where, search

    where = Where(**dict.fromkeys(look_at, True))
    return search(make_request(images, **options), text, where=where, regex=regex, within=within, hive=hive)


def registry_diff(
    images: Images,
    key: str = "",
    *,
    second: str = "",
    reg_file: HostPath | None = None,
    other: Images | None = None,
    other_format: str | None = None,
    other_snapshot: str | None = None,
    user: str = "",
    hive: bool = False,
    **options: Unpack[GuestOptions],
) -> DiffReport:
    """Compare two keys of a guest, one key or all hives of two guests, or a guest with what a .reg file wants.

    :param other_snapshot: of ``other``, or of the image itself, if there is no other.
    :raises NoSuchRegistryKey: a key is not there.
    :raises UsageError: it is not said what is compared, or in several ways.
    """
    from imgtools.workflows.registry_diff import diff_images, diff_keys, diff_reg

    request = make_request(images, **options)
    ways = (bool(second), reg_file is not None, other is not None or other_snapshot is not None)
    if sum(ways) != 1:
        raise UsageError("compare with what?", hint="second, reg_file, or other and other_snapshot")
    if second:
        return diff_keys(request, key, second, hive=hive)
    if reg_file is not None:
        return diff_reg(request, str(reg_file), _content(reg_file), user=user, hive=hive)
    changed: GuestOptions = {**options, "snapshot": other_snapshot}
    if other is not None:
        changed["format"] = other_format
    return diff_images(request, make_request(images if other is None else other, **changed), key, hive=hive)


def _how(options: RegistryOptions, create_parents: bool = True) -> tuple[How, WriteOptions]:
    """Split the options into how the registry is changed, and the rest."""
    from imgtools.workflows.registry_edit import How

    how = How(
        options.pop("hive", False),
        options.pop("user", ""),
        options.pop("apply_log", False),
        options.pop("backup", False),
        create_parents,
    )
    return how, options


def _content(host_path: HostPath) -> bytes:
    try:
        return Path(host_path).read_bytes()
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
