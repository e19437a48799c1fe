"""imgtools: read, change, repair and clone the disks of virtual machines that are switched off.

For programs this is all there is, and it stays: see docs/python.md. A name is loaded when it is first used, so that
importing imgtools costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from imgtools import errors
    from imgtools.change.change import (
        Change,
        ConfigSetting,
        EditConfig,
        EditLines,
        LineEdit,
        MakeDirectory,
        MakeHardLink,
        MakeLink,
        MakeSpecial,
        Move,
        NewLvmUuids,
        RegistryValue,
        Relabel,
        Remove,
        RunInGuest,
        SetMode,
        SetOwner,
        SetTimes,
        SetUuid,
        SetXattr,
        Truncate,
        Upload,
        WriteFile,
    )
    from imgtools.change.describe import PlannedChange
    from imgtools.change.plan import Plan
    from imgtools.door.disks import (
        Size,
        apply_snapshot,
        check,
        clone,
        compare,
        convert,
        create,
        create_snapshot,
        delete_snapshot,
        info,
        list_snapshots,
        measure,
        recover,
        resize_copy,
        resize_disk,
    )
    from imgtools.door.opening import (
        GuestOptions,
        HostPath,
        ImageOptions,
        Images,
        Keys,
        StateOptions,
        edit_image,
        open_image,
    )
    from imgtools.door.plan import read_plan, write_plan
    from imgtools.door.reading import (
        cat,
        config_get,
        copy_out,
        df,
        find,
        inspect,
        list_filesystems,
        list_logs,
        log,
        ls,
        registry_get,
        sysprep_verify,
    )
    from imgtools.door.writing import (
        Orders,
        WriteOptions,
        apply,
        config_set,
        copy_in,
        customize,
        edit,
        sysprep,
        write,
    )
    from imgtools.files.tree import GuestReader
    from imgtools.guest.guest import Guest, find_guests, the_guest
    from imgtools.guest.plan import make_plan
    from imgtools.image.edit import ImageEdit
    from imgtools.image.handle import Image
    from imgtools.records.disks import Declined, Disk, Layout, Mount, Partition, Usage, Volume
    from imgtools.records.files import FileEntry, FileKind, FileStat, FoundFile
    from imgtools.records.image import ImageInfo, Layer, Snapshot
    from imgtools.records.packages import Application
    from imgtools.records.progress import Progress
    from imgtools.records.request import Backing, Engine, Key, Secret
    from imgtools.records.steps import DiskStep
    from imgtools.records.system import OsInfo, OsType, Warned
    from imgtools.workflows.check import CheckReport
    from imgtools.workflows.clone import Clone, CloneReport
    from imgtools.workflows.compare import CompareReport
    from imgtools.workflows.config import ConfigReport, ConfigValue
    from imgtools.workflows.convert import ConvertReport
    from imgtools.workflows.copy_out import CopyOutReport
    from imgtools.workflows.create import CreateReport
    from imgtools.workflows.df import DfReport, FilesystemUsage, ImageUsage
    from imgtools.workflows.filesystems import FilesystemsReport
    from imgtools.workflows.find import FindReport, FoundRow
    from imgtools.workflows.info import DiskFacts, InfoReport
    from imgtools.workflows.inspect import InspectedGuest, InspectReport
    from imgtools.workflows.log import LogInfo, LogListReport, LogReport, LogRow
    from imgtools.workflows.ls import ListedFile, LsReport
    from imgtools.workflows.measure import MeasureReport
    from imgtools.workflows.recover import RecoverReport
    from imgtools.workflows.registry import KeyReport, ValueRow
    from imgtools.workflows.resize import ResizedPartition, ResizeReport
    from imgtools.workflows.resize_copy import CopiedPartition, ResizeCopyReport
    from imgtools.workflows.snapshot import SnapshotReport, SnapshotsReport
    from imgtools.workflows.sysprep import OperationReport, SysprepReport, VerifyReport
    from imgtools.workflows.writing import PlanReport

__all__ = [
    "Application",
    "Backing",
    "Change",
    "CheckReport",
    "Clone",
    "CloneReport",
    "CompareReport",
    "ConfigReport",
    "ConfigSetting",
    "ConfigValue",
    "ConvertReport",
    "CopiedPartition",
    "CopyOutReport",
    "CreateReport",
    "Declined",
    "DfReport",
    "Disk",
    "DiskFacts",
    "DiskStep",
    "EditConfig",
    "EditLines",
    "Engine",
    "FileEntry",
    "FileKind",
    "FileStat",
    "FilesystemUsage",
    "FilesystemsReport",
    "FindReport",
    "FoundFile",
    "FoundRow",
    "Guest",
    "GuestOptions",
    "GuestReader",
    "HostPath",
    "Image",
    "ImageEdit",
    "ImageInfo",
    "ImageOptions",
    "ImageUsage",
    "Images",
    "InfoReport",
    "InspectReport",
    "InspectedGuest",
    "Key",
    "KeyReport",
    "Keys",
    "Layer",
    "Layout",
    "LineEdit",
    "ListedFile",
    "LogInfo",
    "LogListReport",
    "LogReport",
    "LogRow",
    "LsReport",
    "MakeDirectory",
    "MakeHardLink",
    "MakeLink",
    "MakeSpecial",
    "MeasureReport",
    "Mount",
    "Move",
    "NewLvmUuids",
    "OperationReport",
    "Orders",
    "OsInfo",
    "OsType",
    "Partition",
    "Plan",
    "PlanReport",
    "PlannedChange",
    "Progress",
    "RecoverReport",
    "RegistryValue",
    "Relabel",
    "Remove",
    "ResizeCopyReport",
    "ResizeReport",
    "ResizedPartition",
    "RunInGuest",
    "Secret",
    "SetMode",
    "SetOwner",
    "SetTimes",
    "SetUuid",
    "SetXattr",
    "Size",
    "Snapshot",
    "SnapshotReport",
    "SnapshotsReport",
    "StateOptions",
    "SysprepReport",
    "Truncate",
    "Upload",
    "Usage",
    "ValueRow",
    "VerifyReport",
    "Volume",
    "Warned",
    "WriteFile",
    "WriteOptions",
    "apply",
    "apply_snapshot",
    "cat",
    "check",
    "clone",
    "compare",
    "config_get",
    "config_set",
    "convert",
    "copy_in",
    "copy_out",
    "create",
    "create_snapshot",
    "customize",
    "delete_snapshot",
    "df",
    "edit",
    "edit_image",
    "errors",
    "find",
    "find_guests",
    "info",
    "inspect",
    "list_filesystems",
    "list_logs",
    "list_snapshots",
    "log",
    "ls",
    "make_plan",
    "measure",
    "open_image",
    "read_plan",
    "recover",
    "registry_get",
    "resize_copy",
    "resize_disk",
    "sysprep",
    "sysprep_verify",
    "the_guest",
    "write",
    "write_plan",
]

# Where each name is; the imports above say the same to type checkers, and a test holds them together.
_HOMES = {
    "imgtools.change.change": (
        "Change ConfigSetting EditConfig EditLines LineEdit MakeDirectory MakeHardLink "
        "MakeLink MakeSpecial Move NewLvmUuids RegistryValue Relabel Remove RunInGuest SetMode SetOwner "
        "SetTimes SetUuid SetXattr Truncate Upload WriteFile"
    ),
    "imgtools.change.describe": "PlannedChange",
    "imgtools.change.plan": "Plan",
    "imgtools.door.disks": (
        "Size apply_snapshot check clone compare convert create create_snapshot delete_snapshot info "
        "list_snapshots measure recover resize_copy resize_disk"
    ),
    "imgtools.door.opening": (
        "GuestOptions HostPath ImageOptions Images Keys StateOptions edit_image open_image"
    ),
    "imgtools.door.plan": "read_plan write_plan",
    "imgtools.door.reading": (
        "cat config_get copy_out df find inspect list_filesystems list_logs log ls registry_get "
        "sysprep_verify"
    ),
    "imgtools.door.writing": "Orders WriteOptions apply config_set copy_in customize edit sysprep write",
    "imgtools.files.tree": "GuestReader",
    "imgtools.guest.guest": "Guest find_guests the_guest",
    "imgtools.guest.plan": "make_plan",
    "imgtools.image.edit": "ImageEdit",
    "imgtools.image.handle": "Image",
    "imgtools.records.disks": "Declined Disk Layout Mount Partition Usage Volume",
    "imgtools.records.files": "FileEntry FileKind FileStat FoundFile",
    "imgtools.records.image": "ImageInfo Layer Snapshot",
    "imgtools.records.progress": "Progress",
    "imgtools.records.request": "Backing Engine Key Secret",
    "imgtools.records.steps": "DiskStep",
    "imgtools.records.packages": "Application",
    "imgtools.records.system": "OsInfo OsType Warned",
    "imgtools.workflows.check": "CheckReport",
    "imgtools.workflows.clone": "Clone CloneReport",
    "imgtools.workflows.compare": "CompareReport",
    "imgtools.workflows.config": "ConfigReport ConfigValue",
    "imgtools.workflows.convert": "ConvertReport",
    "imgtools.workflows.copy_out": "CopyOutReport",
    "imgtools.workflows.create": "CreateReport",
    "imgtools.workflows.df": "DfReport FilesystemUsage ImageUsage",
    "imgtools.workflows.filesystems": "FilesystemsReport",
    "imgtools.workflows.find": "FindReport FoundRow",
    "imgtools.workflows.info": "DiskFacts InfoReport",
    "imgtools.workflows.inspect": "InspectReport InspectedGuest",
    "imgtools.workflows.log": "LogInfo LogListReport LogReport LogRow",
    "imgtools.workflows.ls": "ListedFile LsReport",
    "imgtools.workflows.measure": "MeasureReport",
    "imgtools.workflows.recover": "RecoverReport",
    "imgtools.workflows.registry": "KeyReport ValueRow",
    "imgtools.workflows.resize": "ResizeReport ResizedPartition",
    "imgtools.workflows.resize_copy": "CopiedPartition ResizeCopyReport",
    "imgtools.workflows.snapshot": "SnapshotReport SnapshotsReport",
    "imgtools.workflows.sysprep": "OperationReport SysprepReport VerifyReport",
    "imgtools.workflows.writing": "PlanReport",
}


if not TYPE_CHECKING:  # else a checker would take every name for one of ours

    def __getattr__(name: str) -> object:
        """Load a public name (PEP 562)."""
        from importlib import import_module

        if name == "errors":
            return import_module("imgtools.errors")
        for home, names in _HOMES.items():
            if name in names.split():
                found: object = getattr(import_module(home), name)
                globals()[name] = found  # the next time Python finds it by itself
                return found
        raise AttributeError(f"module 'imgtools' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
