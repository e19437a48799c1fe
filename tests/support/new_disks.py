"""Sources of new disks, and what a kernel finds on the disks made of them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from imgtools.engine.appliance.launch import Appliance, Drive, launch_appliance
from imgtools.engine.appliance.names import DeviceNames
from imgtools.engine.appliance.survey import look
from imgtools.volumes.names import disk_device

MOMENT = 1_700_000_000
TIME = 1_600_000_000.25
ODD = "odd näme 'q' [x]"


def add(
    archive: tarfile.TarFile,
    name: str,
    content: bytes | None = None,
    *,
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o644,
    owner: tuple[int, int] = (0, 0),
    target: str = "",
    device: tuple[int, int] = (0, 0),
    xattrs: Mapping[str, bytes] | None = None,
) -> None:
    """Add one member."""
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname = kind, mode, target
    member.uid, member.gid = owner
    member.devmajor, member.devminor = device
    member.mtime = TIME
    member.pax_headers = {
        f"SCHILY.xattr.{key}": value.decode("utf-8", "surrogateescape")
        for key, value in (xattrs or {}).items()
    }
    member.size = len(content or b"")
    archive.addfile(member, io.BytesIO(content or b""))


def rich_archive(path: Path) -> Path:
    """Write an archive with everything that a Unix filesystem can hold."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for folder, mode in (
            ("etc", 0o755),
            ("usr", 0o755),
            ("usr/bin", 0o755),
            ("tmp", 0o1777),
            ("empty", 0o700),
        ):
            add(archive, folder, kind=tarfile.DIRTYPE, mode=mode)
        add(
            archive,
            "etc/motd",
            b"hello\n",
            xattrs={"user.note": b"a\xff\0b", "security.selinux": b"system_u:x\0"},
        )
        add(archive, "etc/motd2", kind=tarfile.LNKTYPE, target="etc/motd")
        add(archive, "etc/link", kind=tarfile.SYMTYPE, target="../usr/bin/tool")
        add(archive, "usr/bin/tool", b"#!/bin/sh\n" * 900, mode=0o4755, owner=(1000, 70000))
        add(archive, "null", kind=tarfile.CHRTYPE, device=(1, 3), mode=0o666)
        add(archive, "pipe", kind=tarfile.FIFOTYPE, mode=0o600, owner=(7, 8))
        add(archive, ODD, b"odd", mode=0o600)
        add(archive, "big", bytes(range(256)) * 8192)
        add(archive, "none", b"")
    return path


def plain_folder(path: Path) -> Path:
    """Make a folder with what every filesystem can hold."""
    (path / "Dir" / "Deeper").mkdir(parents=True)
    (path / "Dir" / "My file.txt").write_text("hello\n")
    (path / "Dir" / "Deeper" / "data.bin").write_bytes(bytes(range(256)) * 1000)
    (path / "readme").write_text("read me\n")
    for one in sorted(path.rglob("*"), reverse=True):
        os.utime(one, (MOMENT, MOMENT))
    return path


# -- containers --------------------------------------------------------------------------------------------


def layer(members: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Return a layer as a tar archive; names with None as content are directories."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            if content is None:
                add(archive, name, kind=tarfile.DIRTYPE, mode=0o755)
            else:
                add(archive, name, content)
    return stream.getvalue()


LAYERS = (
    layer(
        [
            ("etc", None),
            ("etc/old", b"old"),
            ("etc/kept", b"kept"),
            ("var", None),
            ("var/a", b"a"),
            ("var/b", b"b"),
        ]
    ),
    layer([("etc/.wh.old", b""), ("etc/new", b"new"), ("var/.wh..wh..opq", b""), ("var/c", b"c")]),
)
LEFT = {"/etc/kept": b"kept", "/etc/new": b"new", "/var/c": b"c"}


def oci_layout(folder: Path, layers: Sequence[bytes] = LAYERS, platforms: Sequence[str] = ("",)) -> Path:
    """Make the layout of an image."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(content: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}

    manifests = []
    for platform in platforms:
        manifest = {
            "schemaVersion": 2,
            "config": put(b"{}", "application/vnd.oci.image.config.v1+json"),
            "layers": [put(one, "application/vnd.oci.image.layer.v1.tar") for one in layers],
        }
        found = put(
            json.dumps({**manifest, "of": platform}).encode(), "application/vnd.oci.image.manifest.v1+json"
        )
        if platform:
            system, architecture = platform.split("/")
            found["platform"] = {"os": system, "architecture": architecture}
        manifests.append(found)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    return folder


def docker_archive(path: Path, layers: Sequence[bytes] = LAYERS) -> Path:
    """Write what ``docker save`` writes."""
    with tarfile.open(path, "w") as archive:
        names = [f"{number}/layer.tar" for number in range(len(layers))]
        for name, content in zip(names, layers, strict=True):
            add(archive, name, content)
        manifest = [{"Config": "config.json", "RepoTags": ["image:latest"], "Layers": names}]
        add(archive, "manifest.json", json.dumps(manifest).encode())
    return path


# -- what a kernel finds -----------------------------------------------------------------------------------

# One line a file: type, mode, owner, links, whole seconds, length, SHA-256, target, path; NUL where a name ends.
LIST = r"""
cd /run/seen && find . -mindepth 1 -printf '%y %m %U %G %n %Ts %s %l\0%P\0' | while IFS= read -r -d '' facts &&
  IFS= read -r -d '' name; do
  sum=-; case "$facts" in f*) sum=$(sha256sum < "$name" | cut -c1-64);; esac
  dump=$(getfattr -h -d -m - -e hex "$name" 2>/dev/null | grep = | sort | tr '\n' ' ')
  printf '%s|%s|%s|%s\n' "$facts" "$sum" "$dump" "$name"
done; cd /
"""


class Seen:
    """Disks as the kernel of one appliance has them."""

    def __init__(self, images: Sequence[tuple[Path, str]]) -> None:
        drives = [Drive(host_path=path, format=format) for path, format in images]
        self.appliance: Appliance = launch_appliance(drives)
        names = DeviceNames(look(self.appliance).targets, len(drives))
        self.devices = {
            path.name: names.kernel(disk_device(number)) for number, (path, _) in enumerate(images)
        }

    def files(self, device: str, kind: str, options: str = "ro") -> dict[str, str]:
        """Return the facts of every file, by its path."""
        mount = f"mkdir -p /run/seen; mount -t {kind} -o {options} {shlex.quote(device)} /run/seen"
        script = (
            f"{mount} && bash -c {shlex.quote(LIST)}; umount /run/seen"  # dash reads no names that end in NUL
        )
        said = self.appliance.shell(script).decode("utf-8", "surrogateescape")
        rows = (line.rsplit("|", 1) for line in said.splitlines())
        return {f"/{name}": facts for facts, name in rows}

    def close(self) -> None:
        """End it."""
        self.appliance.close()
