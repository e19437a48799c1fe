"""One look at all block devices of the appliance: a single script, because each call that forks is dear.

A script of about twenty programs takes 1 to 2 s without KVM; libguestfs' own ``list_filesystems`` took 15 s on
the same disks.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imgtools.engine.appliance.launch import Appliance
from imgtools.engine.direct.probe import AMBIVALENT_WORDS, Content, parse_udev
from imgtools.errors import ApplianceFailed

SURVEY_SECONDS = 300.0
AMBIVALENT = 8  # blkid(8): several marks found

# What the shell does by itself forks nothing. $M marks the lines that are ours, whatever a guest's name holds.
# Subvolumes are listed once a filesystem, also when it spans devices, and from its top: from another subvolume their
# paths would begin there. -O '': in the order of the metadata.
SCRIPT = r"""
M=@MARK@
# The file is there as long as events wait (systemd's udev-util.c, udev_queue_is_empty).
[ -e /run/udev/queue ] && udevadm settle
# udev has seen them too; scanning without need loads a module that measures processors for 0.2 s.
case $(cat /run/udev/data/b* 2>/dev/null) in *ID_FS_TYPE=btrfs*)
  btrfs device scan >/dev/null 2>&1 ;;
esac
[ -d /run/imgtools ] || mkdir /run/imgtools
cd /sys/class/block
seen= members= both=
# What udev has found on a device, into $tags: it has asked libblkid too, and has no answer where that is not sure.
# A partition inherits what is known of its disk: if that says anything of a filesystem, blkid is asked.
known() {
  tags=
  read -r number < $1/dev
  [ -r /run/udev/data/b$number ] || return
  for disk in $both; do case $1 in $disk?*) return ;; esac; done
  while IFS= read -r line; do
    case $line in
      E:ID_FS_TYPE=*) [ "$2" ] || both="$both $1" ;;
      E:ID_FS_*) ;;
      E:ID_PART_TABLE_TYPE=*) [ "$2" ] && continue ;;
      *) continue ;;
    esac
    tags="$tags${line#E:}
"
  done < /run/udev/data/b$number
}
for d in *; do
  case $d in ram*|loop*|fd*|sr*|zram*|nbd*) continue ;; esac
  target= name= uuid= level= slaves= degraded=
  read -r size < $d/size
  for t in $d/device/scsi_device/*; do [ -e "$t" ] && target=${t##*/}; done
  [ -r $d/dm/name ] && read -r name < $d/dm/name
  [ -r $d/dm/uuid ] && read -r uuid < $d/dm/uuid
  [ -r $d/md/level ] && read -r level < $d/md/level
  [ -r $d/md/degraded ] && read -r degraded < $d/md/degraded
  for s in $d/slaves/*; do [ -e "$s" ] && slaves="$slaves ${s##*/}"; done
  part=; [ -r $d/partition ] && read -r part < $d/partition
  echo "$M device"
  printf '%s\n' "$d" "$size" "$target" "$name" "$uuid" "$level" "$slaves" "$part" "$degraded"
  known "$d" "$part"
  if [ "$tags" ]; then
    echo "$M tags 0"
  else
    tags=$(blkid -p -u filesystem,raid,crypto,other -o udev /dev/$d 2>/dev/null)
    echo "$M tags $?"
  fi
  printf '%s\n' "$tags"
  case $tags in *ID_FS_TYPE=LVM*) members=1 ;; esac
  case $tags in *ID_FS_TYPE=btrfs*) ;; *) continue ;; esac
  id=${tags#*ID_FS_UUID=}; id=${id%%
*}
  case " $seen " in *" $id "*) continue ;; esac
  seen="$seen $id"
  mkdir -p /run/imgtools/btrfs
  if mount -t btrfs -o ro,subvolid=5 /dev/$d /run/imgtools/btrfs 2>/run/imgtools/said; then
    echo "$M subvolumes"
    btrfs subvolume list /run/imgtools/btrfs
    umount /run/imgtools/btrfs
  else
    echo "$M refused"
    cat /run/imgtools/said
  fi
done
[ "$members" ] || exit 0
echo "$M lvm"
lvm fullreport -a --reportformat json --units b --nosuffix \
  --configreport vg -o vg_name,vg_uuid,vg_size,vg_free,vg_extent_size \
  --configreport pv -o pv_name,pv_uuid,pv_size \
  --configreport lv -o lv_name,lv_uuid,lv_size,lv_role,lv_attr -O '' \
  --configreport pvseg -o pvseg_start \
  --configreport seg -o lv_uuid,segtype,devices,metadata_devices 2>/run/imgtools/said
echo "$M said"
cat /run/imgtools/said
"""


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """One block device as the appliance's kernel has it; names are the kernel's (``sdb1``, ``dm-0``)."""

    name: str
    size: int
    target: int | None = None  # SCSI target: which drive this is
    dm_name: str = ""
    dm_uuid: str = ""
    md_level: str = ""
    is_degraded: bool = False  # an array without some of its members
    slaves: tuple[str, ...] = ()
    is_partition: bool = False
    content: Content = field(default_factory=Content)
    subvolumes: tuple[tuple[int, str], ...] = ()  # id and path
    refused: str = ""  # why its subvolumes could not be listed


@dataclass(frozen=True, slots=True)
class LvmLv:
    """A logical volume in lvs' words; hidden ones have their name in brackets."""

    name: str
    uuid: str
    size: int
    role: str
    attr: str
    segments: tuple[tuple[str, str], ...]  # type, devices


@dataclass(frozen=True, slots=True)
class LvmVg:
    """A volume group with its members; without a name, the members are nobody's."""

    name: str
    uuid: str
    size: int
    free: int
    extent_size: int
    pvs: tuple[tuple[str, str, int], ...]  # device, UUID, size
    lvs: tuple[LvmLv, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that one look found."""

    devices: tuple[BlockDevice, ...]
    vgs: tuple[LvmVg, ...] = ()
    lvm_said: str = ""

    @property
    def targets(self) -> dict[str, int]:
        """Kernel name of each SCSI disk to its target."""
        return {one.name: one.target for one in self.devices if one.target is not None}


def look(appliance: Appliance) -> Survey:
    """Look at all block devices of the appliance, now."""
    mark = secrets.token_hex(16)
    script = SCRIPT.replace("@MARK@", mark)
    return parse_survey(appliance.shell(script, seconds=SURVEY_SECONDS), mark)


def parse_survey(output: bytes, mark: str) -> Survey:
    """Read the output of the script."""
    text = output.decode("utf-8", "surrogateescape")
    devices: list[BlockDevice] = []
    vgs: tuple[LvmVg, ...] = ()
    said = ""
    facts: dict[str, str] = {}
    for name, body in _sections(text, mark):
        if name == "device" and facts:
            devices.append(_block_device(facts))
            facts = {}
        if name == "lvm":
            vgs = parse_lvm(body)
        elif name == "said":
            said = body.strip()
        else:
            word, _, code = name.partition(" ")
            facts |= {word: body, f"{word} code": code}
    if facts:
        devices.append(_block_device(facts))
    return Survey(tuple(devices), vgs, said)


def _sections(text: str, mark: str) -> Iterator[tuple[str, str]]:
    """Yield what each of our own lines announces, and what comes after it."""
    for part in text.split(f"{mark} ")[1:]:
        name, _, body = part.partition("\n")
        yield name, body


def _block_device(facts: Mapping[str, str]) -> BlockDevice:
    lines = [*facts["device"].split("\n"), "", ""]
    name, size, target, dm_name, dm_uuid, level, slaves, partition, degraded = lines[:9]
    content = next(iter(parse_udev(facts.get("tags", ""))), Content())
    if facts.get("tags code") == str(AMBIVALENT):
        content = Content(problem=AMBIVALENT_WORDS)
    return BlockDevice(
        name=name,
        size=int(size) * 512,  # always in sectors of 512 bytes, whatever the disk's
        target=int(target.split(":")[2]) if target else None,  # host:channel:target:lun
        dm_name=dm_name,
        dm_uuid=dm_uuid,
        md_level=level,
        is_degraded=degraded.isdigit() and degraded != "0",
        slaves=tuple(slaves.split()),
        is_partition=bool(partition),
        content=content,
        subvolumes=tuple(parse_subvolumes(facts.get("subvolumes", ""))),
        refused=" ".join(facts.get("refused", "").split()),
    )


def parse_subvolumes(text: str) -> list[tuple[int, str]]:
    """Read ``btrfs subvolume list``: ``ID 256 gen 12 top level 5 path @``; a path may hold line ends."""
    found: list[tuple[int, str]] = []
    for line in text.removesuffix("\n").split("\n"):
        words = line.split(" ", 8)
        if len(words) == 9 and words[0] == "ID" and words[1].isdigit() and words[7] == "path":
            found.append((int(words[1]), words[8]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
    return found


# -- LVM --------------------------------------------------------------------------------------------------


def parse_lvm(text: str) -> tuple[LvmVg, ...]:
    """Read ``lvm fullreport --reportformat json``.

    :raises ApplianceFailed: it is no JSON.
    """
    if not text.strip():
        return ()
    try:
        reports = json.loads(text)["report"]
    except (ValueError, KeyError) as error:
        raise ApplianceFailed(f"lvm's report cannot be read: {error}") from None
    return tuple(_volume_group(report) for report in reports)


def _volume_group(report: Mapping[str, Sequence[Mapping[str, str]]]) -> LvmVg:
    vg = next(iter(report.get("vg", ())), {})
    segments: dict[str, list[tuple[str, str]]] = {}
    for segment in report.get("seg", ()):
        devices = f"{segment['devices']},{segment['metadata_devices']}".strip(",")
        segments.setdefault(segment["lv_uuid"], []).append((segment["segtype"], devices))
    return LvmVg(
        name=vg.get("vg_name", ""),
        uuid=vg.get("vg_uuid", ""),
        size=int(vg.get("vg_size") or 0),
        free=int(vg.get("vg_free") or 0),
        extent_size=int(vg.get("vg_extent_size") or 0),
        pvs=tuple((pv["pv_name"], pv["pv_uuid"], int(pv["pv_size"])) for pv in report.get("pv", ())),
        lvs=tuple(
            LvmLv(
                lv["lv_name"],
                lv["lv_uuid"],
                int(lv["lv_size"]),
                lv["lv_role"],
                lv["lv_attr"],
                tuple(segments.get(lv["lv_uuid"], ())),
            )
            for lv in report.get("lv", ())
        ),
    )
