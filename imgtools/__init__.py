"""imgtools: read, change, repair and clone the disks of virtual machines that are switched off.

For programs this is all there is, and it stays: see docs/python.md. A name is loaded when it is first used, so that
importing imgtools costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from imgtools import errors

    # isort: off
    from imgtools.change.change import (
        Change, CheckFilesystem, ConfigSetting, DiscardHibernation, EditConfig, EditLines, LineEdit,
        MakeDirectory, MakeHardLink, MakeLink, MakeSpecial, Move, NewLvmUuids, RegistryApplyLog,
        RegistryMakeKey, RegistryRemoveKey, RegistryRemoveValue, RegistrySet, Relabel, Remove, RunInGuest,
        SetMode, SetOwner, SetTimes, SetUuid, SetXattr, Truncate, Upload, WriteDisk, WriteFile,
    )  # fmt: skip

    # isort: on
    from imgtools.change.describe import PlannedChange
    from imgtools.change.plan import Plan
    from imgtools.disk.image_file import Extent
    from imgtools.door.auditing import audit, audit_oscap
    from imgtools.door.comparing import diff, timeline
    from imgtools.door.disks import amend, bench, check, compare, info, map, measure, recover, wipe
    from imgtools.door.dividing import (
        format,
        lvm_create,
        lvm_extend,
        lvm_reduce,
        lvm_remove,
        partition_add,
        partition_list,
        partition_remove,
        partition_set,
    )
    from imgtools.door.files import chmod, chown, cp, ln, mkdir, mv, rm, tar_in, touch
    from imgtools.door.fleet import (
        fleet_apply,
        fleet_changes,
        fleet_export,
        fleet_query,
        fleet_report,
        fleet_run,
    )
    from imgtools.door.host import boot, doctor, mount, run_with, unmount
    from imgtools.door.layers import chain_flatten, chain_move, chain_show, chain_squash, commit, rebase
    from imgtools.door.looking import du, get_kernel, tail, tree
    from imgtools.door.making import clone, convert, create, dd, make, resize_copy, resize_disk, sparsify
    from imgtools.door.materials import sbom, sbom_document
    from imgtools.door.named import domain, domains
    from imgtools.door.opening import (
        GuestOptions,
        HostPath,
        ImageOptions,
        Images,
        Keys,
        Size,
        StateOptions,
        edit_image,
        open_image,
    )
    from imgtools.door.plan import read_plan, write_plan
    from imgtools.door.reading import (
        cat,
        config_get,
        config_match,
        copy_out,
        df,
        diagnose,
        find,
        grep,
        inspect,
        list_filesystems,
        list_logs,
        log,
        ls,
        sysprep_verify,
        tar_out,
        verify,
    )
    from imgtools.door.registry import (
        RegistryOptions,
        registry_delete,
        registry_diff,
        registry_export,
        registry_get,
        registry_hives,
        registry_list,
        registry_merge,
        registry_search,
        registry_set,
    )
    from imgtools.door.rescue import rescue
    from imgtools.door.tables import (
        apply_snapshot,
        bitmap_add,
        bitmap_clear,
        bitmap_delete,
        bitmap_disable,
        bitmap_enable,
        bitmap_list,
        bitmap_merge,
        create_snapshot,
        delete_snapshot,
        list_snapshots,
    )
    from imgtools.door.writing import (
        Orders,
        WriteOptions,
        apply,
        config_delete,
        config_set,
        copy_in,
        customize,
        edit,
        repair,
        sysprep,
        write,
    )
    from imgtools.files.tree import GuestReader
    from imgtools.fleet.apply_reports import ApplyReport, ChangedImage, PlannedStep
    from imgtools.fleet.reports import (
        ChangesReport,
        FleetChange,
        FleetExport,
        FleetReport,
        ImageAnswer,
        QueryReport,
        RunReport,
    )
    from imgtools.guest.guest import Guest, find_guests, the_guest
    from imgtools.guest.plan import make_plan
    from imgtools.image.edit import ImageEdit
    from imgtools.image.handle import Image
    from imgtools.ops.station import StationReport
    from imgtools.records.audit import AuditedCheck, AuditFinding, Level, Result, Since
    from imgtools.records.comparison import (
        Changed,
        ContentCheck,
        FactDifference,
        FactKind,
        FileDifference,
        FileFacts,
    )
    from imgtools.records.components import Affected, Component, ComponentKind, HashedFile
    from imgtools.records.detached_header import DetachedHeader
    from imgtools.records.diagnosis import Confidence, Evidence, Finding, Remedy, Severity, StationState
    from imgtools.records.differences import Became, Difference
    from imgtools.records.disks import Declined, Disk, Layout, Mount, Partition, Volume
    from imgtools.records.domain import Domain
    from imgtools.records.files import FileEntry, FileKind, FileStat
    from imgtools.records.found import FoundFile
    from imgtools.records.image import DiskSource, ImageInfo, Layer
    from imgtools.records.lvm import LogicalVolume, PhysicalVolume, VolumeGroup
    from imgtools.records.packages import Application, Deviation, FileFinding
    from imgtools.records.progress import Progress
    from imgtools.records.request import Backing, Engine, Key, Secret
    from imgtools.records.scap import ScapCounts, ScapProfile, ScapRule
    from imgtools.records.snapshots import Snapshot
    from imgtools.records.steps import DiskStep
    from imgtools.records.system import OsInfo, OsType, Warned
    from imgtools.records.timeline import Happening, TimelineEntry, TimelineFile
    from imgtools.records.usage import Usage
    from imgtools.workflows.amend import AmendReport
    from imgtools.workflows.audit import AuditReport
    from imgtools.workflows.audit_oscap import OscapReport
    from imgtools.workflows.bench import BenchReport
    from imgtools.workflows.bitmap import Bitmap, BitmapReport, BitmapsReport
    from imgtools.workflows.boot import BootCause, BootReport
    from imgtools.workflows.chain import ChainChange, ChainLayer, ChainReport
    from imgtools.workflows.check import CheckReport
    from imgtools.workflows.clone import Clone, CloneReport
    from imgtools.workflows.commit import CommitReport
    from imgtools.workflows.compare import CompareReport
    from imgtools.workflows.config import ConfigReport, ConfigValue
    from imgtools.workflows.convert import ConvertReport
    from imgtools.workflows.copy_out import CopyOutReport
    from imgtools.workflows.create import CreateReport
    from imgtools.workflows.dd import DdReport
    from imgtools.workflows.df import DfReport, FilesystemUsage, ImageUsage
    from imgtools.workflows.diagnose import DiagnoseReport
    from imgtools.workflows.diff import GuestDiffReport
    from imgtools.workflows.doctor import DoctorReport
    from imgtools.workflows.du import DuReport, FolderRoom, PackageRoom
    from imgtools.workflows.filesystems import FilesystemsReport
    from imgtools.workflows.find import FindReport, FoundRow
    from imgtools.workflows.format import FormatReport
    from imgtools.workflows.get_kernel import GetKernelReport, GotKernel
    from imgtools.workflows.grep import GrepReport, GrepRow
    from imgtools.workflows.info import DiskFacts, InfoReport
    from imgtools.workflows.inspect import InspectedGuest, InspectReport
    from imgtools.workflows.log import LogInfo, LogListReport, LogReport, LogRow
    from imgtools.workflows.ls import ListedFile, LsReport
    from imgtools.workflows.lvm import LvmReport
    from imgtools.workflows.make import MadePart, MakeReport
    from imgtools.workflows.map import MapLayer, MapReport
    from imgtools.workflows.measure import MeasureReport
    from imgtools.workflows.mount import MountReport, UnmountReport
    from imgtools.workflows.partition import PartitionReport
    from imgtools.workflows.partition_table import FreeRoom, PartitionEntry, PartitionsReport
    from imgtools.workflows.rebase import RebaseReport
    from imgtools.workflows.recover import RecoverReport
    from imgtools.workflows.registry import (
        ExportedKey,
        ExportReport,
        HiveListReport,
        HiveRow,
        KeyListReport,
        KeyReport,
        KeyRow,
        ValueRow,
    )
    from imgtools.workflows.registry_diff import DiffReport, RegistryDifference
    from imgtools.workflows.registry_search import RegistryMatch, SearchReport
    from imgtools.workflows.repair import RepairReport
    from imgtools.workflows.rescue import MountedVolume, RescueReport
    from imgtools.workflows.resize import ResizedPartition, ResizeReport
    from imgtools.workflows.resize_copy import CopiedPartition, ResizeCopyReport
    from imgtools.workflows.sbom import SbomReport
    from imgtools.workflows.snapshot import SnapshotReport, SnapshotsReport
    from imgtools.workflows.sparsify import FreeVolume, LeftVolume, SparsifyReport
    from imgtools.workflows.sysprep import OperationReport, SysprepReport, VerifyReport
    from imgtools.workflows.tail import TailReport
    from imgtools.workflows.tar_out import TarReport
    from imgtools.workflows.timeline import TimelineReport
    from imgtools.workflows.tree import TreeEntry, TreeReport
    from imgtools.workflows.verify import Generated, PackagesVerified
    from imgtools.workflows.wipe import WipeReport
    from imgtools.workflows.with_guest import WithReport
    from imgtools.workflows.writing import PlanReport

__all__ = [
    "Affected", "AmendReport", "Application", "ApplyReport", "AuditFinding", "AuditReport", "AuditedCheck", "Backing",
    "Became", "BenchReport", "Bitmap", "BitmapReport", "BitmapsReport", "BootCause", "BootReport", "ChainChange",
    "ChainLayer", "ChainReport", "Change", "Changed", "ChangedImage", "ChangesReport", "CheckFilesystem", "CheckReport",
    "Clone", "CloneReport", "CommitReport", "CompareReport", "Component", "ComponentKind", "Confidence", "ConfigReport",
    "ConfigSetting", "ConfigValue", "ContentCheck", "ConvertReport", "CopiedPartition", "CopyOutReport", "CreateReport",
    "DdReport", "Declined", "DetachedHeader", "Deviation", "DfReport", "DiagnoseReport", "DiffReport", "Difference",
    "DiscardHibernation", "Disk", "DiskFacts", "DiskSource", "DiskStep", "DoctorReport", "Domain", "DuReport",
    "EditConfig", "EditLines", "Engine", "Evidence", "ExportReport", "ExportedKey", "Extent", "FactDifference",
    "FactKind", "FileDifference", "FileEntry", "FileFacts", "FileFinding", "FileKind", "FileStat", "FilesystemUsage",
    "FilesystemsReport", "FindReport", "Finding", "FleetChange", "FleetExport", "FleetReport", "FolderRoom",
    "FormatReport", "FoundFile", "FoundRow", "FreeRoom", "FreeVolume", "Generated", "GetKernelReport", "GotKernel",
    "GrepReport", "GrepRow", "Guest", "GuestDiffReport", "GuestOptions", "GuestReader", "Happening", "HashedFile",
    "HiveListReport", "HiveRow", "HostPath", "Image", "ImageAnswer", "ImageEdit", "ImageInfo", "ImageOptions",
    "ImageUsage", "Images", "InfoReport", "InspectReport", "InspectedGuest", "Key", "KeyListReport", "KeyReport",
    "KeyRow", "Keys", "Layer", "Layout", "LeftVolume", "Level", "LineEdit", "ListedFile", "LogInfo", "LogListReport",
    "LogReport", "LogRow", "LogicalVolume", "LsReport", "LvmReport", "MadePart", "MakeDirectory", "MakeHardLink",
    "MakeLink", "MakeReport", "MakeSpecial", "MapLayer", "MapReport", "MeasureReport", "Mount", "MountReport",
    "MountedVolume", "Move", "NewLvmUuids", "OperationReport", "Orders", "OsInfo", "OsType", "OscapReport",
    "PackageRoom", "PackagesVerified", "Partition", "PartitionEntry", "PartitionReport", "PartitionsReport",
    "PhysicalVolume", "Plan", "PlanReport", "PlannedChange", "PlannedStep", "Progress", "QueryReport", "RebaseReport",
    "RecoverReport", "RegistryApplyLog", "RegistryDifference", "RegistryMakeKey", "RegistryMatch", "RegistryOptions",
    "RegistryRemoveKey", "RegistryRemoveValue", "RegistrySet", "Relabel", "Remedy", "Remove", "RepairReport",
    "RescueReport", "ResizeCopyReport", "ResizeReport", "ResizedPartition", "Result", "RunInGuest", "RunReport",
    "SbomReport", "ScapCounts", "ScapProfile", "ScapRule", "SearchReport", "Secret", "SetMode", "SetOwner", "SetTimes",
    "SetUuid", "SetXattr", "Severity", "Since", "Size", "Snapshot", "SnapshotReport", "SnapshotsReport",
    "SparsifyReport", "StateOptions", "StationReport", "StationState", "SysprepReport", "TailReport", "TarReport",
    "TimelineEntry", "TimelineFile", "TimelineReport", "TreeEntry", "TreeReport", "Truncate", "UnmountReport", "Upload",
    "Usage", "ValueRow", "VerifyReport", "Volume", "VolumeGroup", "Warned", "WipeReport", "WithReport", "WriteDisk",
    "WriteFile", "WriteOptions", "amend", "apply", "apply_snapshot", "audit", "audit_oscap", "bench", "bitmap_add",
    "bitmap_clear", "bitmap_delete", "bitmap_disable", "bitmap_enable", "bitmap_list", "bitmap_merge", "boot", "cat",
    "chain_flatten", "chain_move", "chain_show", "chain_squash", "check", "chmod", "chown", "clone", "commit",
    "compare", "config_delete", "config_get", "config_match", "config_set", "convert", "copy_in", "copy_out", "cp",
    "create", "create_snapshot", "customize", "dd", "delete_snapshot", "df", "diagnose", "diff", "doctor", "domain",
    "domains", "du", "edit", "edit_image", "errors", "find", "find_guests", "fleet_apply", "fleet_changes",
    "fleet_export", "fleet_query", "fleet_report", "fleet_run", "format", "get_kernel", "grep", "info", "inspect",
    "list_filesystems", "list_logs", "list_snapshots", "ln", "log", "ls", "lvm_create", "lvm_extend", "lvm_reduce",
    "lvm_remove", "make", "make_plan", "map", "measure", "mkdir", "mount", "mv", "open_image", "partition_add",
    "partition_list", "partition_remove", "partition_set", "read_plan", "rebase", "recover", "registry_delete",
    "registry_diff", "registry_export", "registry_get", "registry_hives", "registry_list", "registry_merge",
    "registry_search", "registry_set", "repair", "rescue", "resize_copy", "resize_disk", "rm", "run_with", "sbom",
    "sbom_document", "sparsify", "sysprep", "sysprep_verify", "tail", "tar_in", "tar_out", "the_guest", "timeline",
    "touch", "tree", "unmount", "verify", "wipe", "write", "write_plan",
]  # fmt: skip

# Where each name is; the imports above say the same to type checkers, and a test holds them together.
_HOMES = {
    "imgtools.change.change": (
        "Change CheckFilesystem ConfigSetting DiscardHibernation EditConfig EditLines LineEdit "
        "MakeDirectory MakeHardLink MakeLink MakeSpecial Move NewLvmUuids RegistryApplyLog RegistryMakeKey "
        "RegistryRemoveKey RegistryRemoveValue RegistrySet Relabel Remove RunInGuest SetMode SetOwner "
        "SetTimes SetUuid SetXattr Truncate Upload WriteDisk WriteFile"
    ),
    "imgtools.change.describe": "PlannedChange",
    "imgtools.change.plan": "Plan",
    "imgtools.disk.image_file": "Extent",
    "imgtools.door.auditing": "audit audit_oscap",
    "imgtools.door.comparing": "diff timeline",
    "imgtools.door.disks": "amend bench check compare info map measure recover wipe",
    "imgtools.door.dividing": (
        "format lvm_create lvm_extend lvm_reduce lvm_remove partition_add partition_list partition_remove "
        "partition_set"
    ),
    "imgtools.door.files": "chmod chown cp ln mkdir mv rm tar_in touch",
    "imgtools.door.fleet": "fleet_apply fleet_changes fleet_export fleet_query fleet_report fleet_run",
    "imgtools.door.host": "boot doctor mount run_with unmount",
    "imgtools.door.layers": "chain_flatten chain_move chain_show chain_squash commit rebase",
    "imgtools.door.looking": "du get_kernel tail tree",
    "imgtools.door.making": "clone convert create dd make resize_copy resize_disk sparsify",
    "imgtools.door.materials": "sbom sbom_document",
    "imgtools.door.named": "domain domains",
    "imgtools.door.opening": "GuestOptions HostPath ImageOptions Images Keys Size StateOptions edit_image open_image",
    "imgtools.door.plan": "read_plan write_plan",
    "imgtools.door.reading": (
        "cat config_get config_match copy_out df diagnose find grep inspect list_filesystems list_logs log ls "
        "sysprep_verify tar_out verify"
    ),
    "imgtools.door.registry": (
        "RegistryOptions registry_delete registry_diff registry_export registry_get registry_hives "
        "registry_list registry_merge registry_search registry_set"
    ),
    "imgtools.door.rescue": "rescue",
    "imgtools.door.tables": (
        "apply_snapshot bitmap_add bitmap_clear bitmap_delete bitmap_disable bitmap_enable "
        "bitmap_list bitmap_merge create_snapshot delete_snapshot list_snapshots"
    ),
    "imgtools.door.writing": (
        "Orders WriteOptions apply config_delete config_set copy_in customize edit repair sysprep write"
    ),
    "imgtools.files.tree": "GuestReader",
    "imgtools.fleet.apply_reports": "ApplyReport ChangedImage PlannedStep",
    "imgtools.fleet.reports": "ChangesReport FleetChange FleetExport FleetReport ImageAnswer QueryReport RunReport",
    "imgtools.guest.guest": "Guest find_guests the_guest",
    "imgtools.guest.plan": "make_plan",
    "imgtools.image.edit": "ImageEdit",
    "imgtools.image.handle": "Image",
    "imgtools.ops.station": "StationReport",
    "imgtools.records.audit": "AuditFinding AuditedCheck Level Result Since",
    "imgtools.records.comparison": "Changed ContentCheck FactDifference FactKind FileDifference FileFacts",
    "imgtools.records.components": "Affected Component ComponentKind HashedFile",
    "imgtools.records.detached_header": "DetachedHeader",
    "imgtools.records.diagnosis": "Confidence Evidence Finding Remedy Severity StationState",
    "imgtools.records.differences": "Became Difference",
    "imgtools.records.disks": "Declined Disk Layout Mount Partition Volume",
    "imgtools.records.domain": "Domain",
    "imgtools.records.files": "FileEntry FileKind FileStat",
    "imgtools.records.found": "FoundFile",
    "imgtools.records.image": "DiskSource ImageInfo Layer",
    "imgtools.records.lvm": "LogicalVolume PhysicalVolume VolumeGroup",
    "imgtools.records.packages": "Application Deviation FileFinding",
    "imgtools.records.progress": "Progress",
    "imgtools.records.request": "Backing Engine Key Secret",
    "imgtools.records.scap": "ScapCounts ScapProfile ScapRule",
    "imgtools.records.snapshots": "Snapshot",
    "imgtools.records.steps": "DiskStep",
    "imgtools.records.system": "OsInfo OsType Warned",
    "imgtools.records.timeline": "Happening TimelineEntry TimelineFile",
    "imgtools.records.usage": "Usage",
    "imgtools.workflows.amend": "AmendReport",
    "imgtools.workflows.audit": "AuditReport",
    "imgtools.workflows.audit_oscap": "OscapReport",
    "imgtools.workflows.bench": "BenchReport",
    "imgtools.workflows.bitmap": "Bitmap BitmapReport BitmapsReport",
    "imgtools.workflows.boot": "BootCause BootReport",
    "imgtools.workflows.chain": "ChainChange ChainLayer ChainReport",
    "imgtools.workflows.check": "CheckReport",
    "imgtools.workflows.clone": "Clone CloneReport",
    "imgtools.workflows.commit": "CommitReport",
    "imgtools.workflows.compare": "CompareReport",
    "imgtools.workflows.config": "ConfigReport ConfigValue",
    "imgtools.workflows.convert": "ConvertReport",
    "imgtools.workflows.copy_out": "CopyOutReport",
    "imgtools.workflows.create": "CreateReport",
    "imgtools.workflows.dd": "DdReport",
    "imgtools.workflows.df": "DfReport FilesystemUsage ImageUsage",
    "imgtools.workflows.diagnose": "DiagnoseReport",
    "imgtools.workflows.diff": "GuestDiffReport",
    "imgtools.workflows.doctor": "DoctorReport",
    "imgtools.workflows.du": "DuReport FolderRoom PackageRoom",
    "imgtools.workflows.filesystems": "FilesystemsReport",
    "imgtools.workflows.find": "FindReport FoundRow",
    "imgtools.workflows.get_kernel": "GetKernelReport GotKernel",
    "imgtools.workflows.format": "FormatReport",
    "imgtools.workflows.grep": "GrepReport GrepRow",
    "imgtools.workflows.info": "DiskFacts InfoReport",
    "imgtools.workflows.inspect": "InspectReport InspectedGuest",
    "imgtools.workflows.log": "LogInfo LogListReport LogReport LogRow",
    "imgtools.workflows.ls": "ListedFile LsReport",
    "imgtools.workflows.make": "MadePart MakeReport",
    "imgtools.workflows.lvm": "LvmReport",
    "imgtools.workflows.map": "MapLayer MapReport",
    "imgtools.workflows.measure": "MeasureReport",
    "imgtools.workflows.mount": "MountReport UnmountReport",
    "imgtools.workflows.partition": "PartitionReport",
    "imgtools.workflows.partition_table": "FreeRoom PartitionEntry PartitionsReport",
    "imgtools.workflows.rebase": "RebaseReport",
    "imgtools.workflows.recover": "RecoverReport",
    "imgtools.workflows.registry": (
        "ExportReport ExportedKey HiveListReport HiveRow KeyListReport KeyReport KeyRow ValueRow"
    ),
    "imgtools.workflows.registry_diff": "DiffReport RegistryDifference",
    "imgtools.workflows.registry_search": "RegistryMatch SearchReport",
    "imgtools.workflows.repair": "RepairReport",
    "imgtools.workflows.rescue": "MountedVolume RescueReport",
    "imgtools.workflows.resize": "ResizeReport ResizedPartition",
    "imgtools.workflows.resize_copy": "CopiedPartition ResizeCopyReport",
    "imgtools.workflows.sbom": "SbomReport",
    "imgtools.workflows.snapshot": "SnapshotReport SnapshotsReport",
    "imgtools.workflows.sparsify": "FreeVolume LeftVolume SparsifyReport",
    "imgtools.workflows.sysprep": "OperationReport SysprepReport VerifyReport",
    "imgtools.workflows.tail": "TailReport",
    "imgtools.workflows.tar_out": "TarReport",
    "imgtools.workflows.timeline": "TimelineReport",
    "imgtools.workflows.tree": "TreeEntry TreeReport",
    "imgtools.workflows.verify": "Generated PackagesVerified",
    "imgtools.workflows.wipe": "WipeReport",
    "imgtools.workflows.with_guest": "WithReport",
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
