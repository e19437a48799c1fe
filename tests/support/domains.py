"""Definitions of libvirt domains, and a libvirt that is a file: its test driver, in the test's own process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

TEST = "http://libvirt.org/schemas/domain/test/1.0"
SHUT_OFF = f"<test:runstate xmlns:test='{TEST}'>5</test:runstate>"
PAUSED = f"<test:runstate xmlns:test='{TEST}'>3</test:runstate>"
SAVED = f"{SHUT_OFF}<test:hasmanagedsave xmlns:test='{TEST}'/>"
RUNNING = ""


def disk_xml(path: Path | str, target: str, *, bus: str = "virtio", format: str = "", more: str = "") -> str:
    """Return a disk that is a file."""
    format = format or Path(path).suffix[1:]
    return (
        f"<disk type='file' device='disk'><driver name='qemu' type='{format}'/>"
        f"<source file={quoteattr(str(path))}/><target dev='{target}' bus='{bus}'/>{more}</disk>"
    )


def volume_xml(pool: str, volume: str, target: str, format: str) -> str:
    """Return a disk that is a volume of a storage pool."""
    return (
        f"<disk type='volume' device='disk'><driver name='qemu' type='{format}'/>"
        f"<source pool='{pool}' volume={quoteattr(volume)}/><target dev='{target}' bus='virtio'/></disk>"
    )


def domain_xml(name: str, *disks: str, state: str = SHUT_OFF, kind: str = "test", uuid: str = "") -> str:
    """Return a domain with these disks; ``state`` is for the test driver alone."""
    return (
        f"<domain type='{kind}'><name>{escape(name)}</name>{f'<uuid>{uuid}</uuid>' if uuid else ''}"
        f"<memory>65536</memory><os><type arch='x86_64'>hvm</type></os>"
        f"<devices>{''.join(disks)}</devices>{state}</domain>"
    )


def pool_xml(name: str, folder: Path, *volumes: Path) -> str:
    """Return a storage pool that is a folder."""
    found = "".join(
        f"<volume><name>{escape(one.name)}</name><capacity>4194304</capacity><allocation>4096</allocation>"
        f"<target><format type='{one.suffix[1:]}'/></target></volume>"
        for one in volumes
    )
    return (
        f"<pool type='dir'><name>{name}</name><uuid>35bb2ad9-388a-cdfe-461a-b8907f6e53fe</uuid>"
        f"<target><path>{folder}</path></target>{found}</pool>"
    )


def libvirt_of(folder: Path, parts: Sequence[str]) -> str:
    """Write a libvirt with these domains and pools; returns its URI."""
    place = folder / "node.xml"
    place.write_text(f"<node>{''.join(parts)}</node>")
    return f"test://{place}"
