r"""The services and drivers of a Windows guest, and which of QEMU's drivers it has.

Values of ``Services\NAME``: "HKLM\SYSTEM\CurrentControlSet\Services Registry Tree" and "CreateServiceW function"
(learn.microsoft.com), which name the numbers of Type and Start; winnt.h has those of services of users.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from imgtools.engine.hive import HiveKey
from imgtools.files.paths import join
from imgtools.guest.windows.facts import RegistryFacts, Values
from imgtools.guest.windows.registry import MACHINE, Registry
from imgtools.records.windows import VirtioDriver, WindowsService

SERVICES = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services"
CURRENT_VERSION = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion"
# SERVICE_KERNEL_DRIVER and so on, in the order in which they are looked for: a user's service has two of them.
KINDS = (
    (0x01, "kernel-driver"),
    (0x02, "file-system-driver"),
    (0x04, "adapter"),
    (0x08, "recognizer"),
    (0x40, "user-process"),
    (0x10, "own-process"),
    (0x20, "shared-process"),
)
DRIVERS = frozenset({"kernel-driver", "file-system-driver", "adapter", "recognizer"})
STARTS = {0: "boot", 1: "system", 2: "auto", 3: "manual", 4: "disabled"}
# Files of the drivers in virtio-win (the INFs of kvm-guest-drivers-windows name them), and QXL's two.
VIRTIO = (
    "viostor", "vioscsi", "netkvm", "balloon", "vioser", "viofs", "viorng", "vioinput", "viogpudo", "viogpu3d",
    "viosock", "viomem", "pvpanic", "fwcfg", "qxl", "qxldod",
)  # fmt: skip
PROGRAM = re.compile(r"(.+?\.(?:exe|com|bat|cmd|dll|sys))(?=[\s\",]|$)", re.IGNORECASE)
VARIABLE = re.compile(r"%([^%\\]+)%")


def read_services(facts: RegistryFacts) -> tuple[WindowsService, ...]:
    """Return services and drivers together, in the order of their names."""
    places = _places(facts)

    def one(key: HiveKey) -> WindowsService | None:
        values = Values(key.values())
        kind = next((name for bit, name in KINDS if (values.number("Type") or 0) & bit), "")
        if not kind:  # keys of other things stand among them, such as counters of performance
            return None
        return WindowsService(
            key.name,
            kind,
            _start(values),
            display_name(values.text("DisplayName")),
            _file(facts.registry, places, kind, key.name, values.text("ImagePath")),
            _library(facts.registry, places, key, values) if kind not in DRIVERS else "",
            values.text("ObjectName") if kind not in DRIVERS else "",
            values.text("Group"),
        )

    return facts.each(SERVICES, one)


def _start(values: Values) -> str:
    start = STARTS.get(-1 if (number := values.number("Start")) is None else number, "")
    return "delayed" if start == "auto" and values.flag("DelayedAutostart") else start


def display_name(text: str) -> str:
    r"""Return a name as far as it is text: ``@oem3.inf,%name%;VirtIO`` has one behind it, ``@x.dll,-5`` has none."""
    return text.partition(";")[2].strip() if text.startswith("@") else text


def _places(facts: RegistryFacts) -> dict[str, str]:
    """Return what the variables stand for that paths of services have in them beside the system's folder."""
    values = facts.values(CURRENT_VERSION)
    named = {
        "programfiles": values.text("ProgramFilesDir"),
        "programfiles(x86)": values.text("ProgramFilesDir (x86)"),
        "programw6432": values.text("ProgramW6432Dir", "ProgramFilesDir"),
        "commonprogramfiles": values.text("CommonFilesDir"),
        "programdata": r"\ProgramData",
        "allusersprofile": r"\ProgramData",
    }
    return {name: path for name, path in named.items() if path}


def _file(registry: Registry, places: dict[str, str], kind: str, name: str, text: str) -> str:
    """Return the guest path in an ImagePath; a driver has one by its name where that is missing."""
    if kind in DRIVERS:
        return driver_path(registry, text or rf"System32\drivers\{name}.sys")
    return _expanded(registry, places, program_of(text)) if text else ""


def driver_path(registry: Registry, text: str) -> str:
    r"""Return the guest path of a driver: without a drive or ``\`` in front, it is below the system's folder."""
    text = text.strip().strip('"').replace("/", "\\")
    if text[:1] in ("\\", "%") or text[1:2] == ":":
        return registry.guest_path(text)
    return join(registry.systemroot, text.replace("\\", "/"))


def program_of(command: str) -> str:
    """Return the program of a command line: what is quoted, or up to the first name of a program."""
    command = command.strip()
    if command.startswith('"'):
        return command[1:].partition('"')[0]
    match = PROGRAM.match(command)
    return match[1] if match else command.split(" ")[0]


def _expanded(registry: Registry, places: dict[str, str], text: str) -> str:
    """Return the guest path of a path with variables; "" if one of them is not known."""
    text = VARIABLE.sub(lambda match: places.get(match[1].lower(), match[0]), text)
    path = registry.guest_path(text)
    return path if "%" not in path and path != "/" else ""


def _library(registry: Registry, places: dict[str, str], key: HiveKey, values: Values) -> str:
    """Return what svchost loads: ServiceDll of the key Parameters, or of the service's own."""
    below = next((one for one in key.subkeys() if one.name.lower() == "parameters"), None)
    text = (below.text("ServiceDll") if below is not None else "") or values.text("ServiceDll")
    return _expanded(registry, places, text.strip()) if text else ""


def read_virtio(facts: RegistryFacts, services: Sequence[WindowsService]) -> tuple[VirtioDriver, ...]:
    """Return QEMU's drivers, those that are not there too."""
    by_file = {one.file.rpartition("/")[2].lower(): one for one in services if one.kind in DRIVERS}
    return tuple(_virtio(facts, name, by_file.get(f"{name}.sys")) for name in VIRTIO)


def _virtio(facts: RegistryFacts, name: str, service: WindowsService | None) -> VirtioDriver:
    if service is None:
        return VirtioDriver(name, present=False)
    present = facts.attempt(lambda: facts.files.is_file(service.file), False)
    return VirtioDriver(name, present, service.name, service.start, service.file)
