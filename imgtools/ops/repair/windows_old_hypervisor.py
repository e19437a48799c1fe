"""Disable the agents and drivers of the hypervisor that a guest comes from.

``of`` names whose: vmware, virtualbox, xen, parallels, hyperv. Those of Hyper-V are part of Windows and sleep
elsewhere, so they are left alone unless they are named. Drivers stay installed and can be enabled again. Filters of
devices that belong to them go: a filter that cannot be loaded keeps the disk from starting (stop code 0x7B).

Do not name a hypervisor that the guest goes on with, and give it the drivers of the new one first.

Sources: the drivers' INF files; virt-v2v's convert_windows.ml; "AWS PV drivers" (docs.aws.amazon.com); "Hyper-V
Integration Services" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import disabled, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

SERVICES = {
    # VMware Tools: vmtools.inf, vmci.inf, vmmemctl.inf, vmhgfs, pvscsi.inf, vmxnet3.inf, vm3d.inf, guest introspection.
    "vmware": (
        "VMTools", "VGAuthService", "vm3dservice", "VMUpgradeHelper", "vmvss", "vmci", "vsock", "vmmemctl",
        "vmhgfs", "vmrawdsk", "vmmouse", "vmusbmouse", "vm3dmp", "vm3dmp_loader", "vm3dmp-debug", "vm3dmp-stats",
        "vmxnet3ndis6", "pvscsi", "vmscsi", "vnetWFP", "vsepflt", "vnetflt", "giappdef",
    ),
    # Guest Additions: VBoxGuest.inf, VBoxMouse.inf, VBoxVideo.inf, VBoxWddm.inf, VBoxSF.
    "virtualbox": ("VBoxService", "VBoxGuest", "VBoxMouse", "VBoxVideo", "VBoxWddm", "VBoxSF"),
    # The Xen project's, Citrix' and XCP-ng's drivers, those of AWS, and the older GPLPV.
    "xen": (
        "xenagent", "xensvc", "xenlite", "InstallAgent", "XenInstall", "xenbus_monitor", "AWSLiteAgent", "xenbus",
        "xenfilt", "xeniface", "xenvif", "xennet", "xenvbd", "xendisk", "xencrsh", "xenhid", "xenvkbd", "xencons",
        "xenpci", "xenhide", "xenscsi", "xenusb", "xenevtchn", "xevtchn",
    ),
    # Parallels Tools.
    "parallels": (
        "Parallels Tools Service", "Parallels Coherence Service", "prl_tools", "prl_boot", "prl_dd", "prl_eth5",
        "prl_fs", "prl_memdev", "prl_mouf", "prl_pv32", "prl_pv64", "prl_scsi", "prl_sound", "prl_strg", "prl_tg",
        "prl_time", "prl_usb_balloon",
    ),
    "hyperv": (
        "vmicguestinterface", "vmicheartbeat", "vmickvpexchange", "vmicrdv", "vmicshutdown", "vmictimesync",
        "vmicvmsession", "vmicvss",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Params:
    """``of``: vmware, virtualbox, xen, parallels, hyperv."""

    of: tuple[str, ...] = ("vmware", "virtualbox", "xen", "parallels")

    def __post_init__(self) -> None:
        for name in self.of:
            if name not in SERVICES:
                raise ValueError(f"no such hypervisor: {name!r}; one of {', '.join(SERVICES)}")


def _asleep(registry: Registry, params: Params) -> Iterator[Change]:
    yield from disabled(registry, [name for one in params.of for name in SERVICES[one]])


OPERATION = Operation(
    summary="Disable the agents of the old hypervisor",
    families=WINDOWS,
    plan=with_registry(_asleep),
    params=Params,
    default=False,
)
