"""What is compared with what: one entry a case.

A command is written as in a shell, without quoting tricks; `{image}` is the case's image, `{output}` a path where
nothing is yet, `{folder}` a scratch folder with the files of :mod:`tests.bench.images`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.figures import Goal, Kind

Check = Callable[[bytes, bytes], bool]


def same_bytes(ours: bytes, peer: bytes) -> bool:
    """Both wrote exactly the same."""
    return ours == peer


def as_many_lines(ours: bytes, peer: bytes) -> bool:
    """Both listed about as much: the lines differ by at most 5 %."""
    counts = sorted((ours.count(b"\n"), peer.count(b"\n")))
    return counts[0] >= 0.95 * counts[1] > 0


def both_say_something(ours: bytes, peer: bytes) -> bool:
    """The formats differ; both wrote a result."""
    return bool(ours.strip()) and bool(peer.strip())


def nothing_to_compare(ours: bytes, peer: bytes) -> bool:
    """What counts is in the image, or the peer is silent; both have ended well."""
    return True


# Both begin alike: with nothing that the host still has to write, because whoever writes then is made to wait for it;
# with the image in memory, out of which nbdcopy puts what it has read; and with as much memory as the copy takes just
# given free, because a virtual machine that has given it back to the machine below gets it at ten times a copy's cost.
ALIKE = ("sync", "dd if={image} of={output} bs=1M status=none", "rm {output}")


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the benchmark."""

    name: str
    group: str
    image: str  # a name of tests.bench.images
    ours: str
    goal: Goal
    peer: str = ""  # empty where the goal is in seconds
    check: Check = both_say_something
    # A case that writes gets a fresh copy of the image for every run; copying is not timed.
    writes: bool = False
    # Commands that are run before each timed run, and not timed.
    before_ours: tuple[str, ...] = ()
    before_peer: tuple[str, ...] = ()


def faster(times: float) -> Goal:
    """At least so many times faster than the peer, in at most 150 MB: for commands that only read."""
    return Goal(Kind.FASTER, times)


def faster_at_any_size(times: float) -> Goal:
    """At least so many times faster than the peer; memory is shown and has no goal (writing, or booting)."""
    return Goal(Kind.FASTER, times, memory=None)


def within(times: float) -> Goal:
    """At most so many times what the peer takes; memory is shown and has no goal."""
    return Goal(Kind.WITHIN, times, memory=None)


READ = "Reading a guest"
AUDIT = "Auditing a guest"
WRITE = "Changing a guest"
DISK = "Disk images"
REGISTRY = "The registry of Windows"
FLAT = "What size costs"
BOOT = "What boots"
START = "Start-up"
# Of Debian 12 there is content for 11 only: the same rules, and the name of the release changed in it.
FOR_12 = (
    "cp /usr/share/xml/scap/ssg/content/ssg-debian11-ds.xml {folder}/ds.xml",
    "sed -i s/debian_linux:11/debian_linux:12/g;s/\\^11/^12/g {folder}/ds.xml",
)
EDIT = "/etc/issue -e s/Debian/Sample/"

ON_ARRAYS = [f"{{folder}}/arrays-{number}.qcow2" for number in range(1, 6)]
OURS = " --add ".join(ON_ARRAYS)
THEIRS = " ".join(f"-a {disk}" for disk in ON_ARRAYS)

CASES = (
    Case(
        "one file, Linux", READ, "real",
        "imgtools cat {image} /etc/os-release", faster(80),
        "virt-cat -a {image} /etc/os-release", same_bytes,
    ),
    Case(
        "one file, Windows", READ, "windows",
        "imgtools cat {image} C:\\Windows\\win.ini", faster(40),
        "virt-cat -a {image} C:\\Windows\\win.ini", same_bytes,
    ),
    # Their key is cheap to derive, so that what is compared is everything else.
    Case(
        "one file, on LVM in LUKS2", READ, "luks2",
        "imgtools cat --key /dev/sda2:key:fixture {image} /etc/hostname", faster(40),
        "virt-cat --key /dev/sda2:key:fixture -a {image} /etc/hostname", same_bytes,
    ),
    Case(
        "the system, on LVM in LUKS2", READ, "luks2",
        "imgtools inspect --key /dev/sda2:key:fixture {image}", faster(40),
        "virt-inspector --key /dev/sda2:key:fixture -a {image}",
    ),
    # 60 and 150 MB a second, and the start.
    Case(
        "256 MB out of LUKS2, sectors of 512 bytes", READ, "luks-512",
        "imgtools cat --key all:key:sesame -m /dev/sda {image} /large", Goal(Kind.SECONDS, 4.8),
    ),
    Case(
        "256 MB out of LUKS2, sectors of 4,096 bytes", READ, "luks-4096",
        "imgtools cat --key all:key:sesame -m /dev/sda {image} /large", Goal(Kind.SECONDS, 2.2),
    ),
    Case(
        "one file over nbd on the loopback, beside the same here", READ, "real",
        "imgtools cat --remote nbd://127.0.0.1:10993/ /etc/os-release", within(1.5),
        "imgtools cat {image} /etc/os-release", same_bytes,
        # It ends when its last client has left.
        before_ours=("qemu-nbd --fork -r --shared=0 -b 127.0.0.1 -p 10993 -f qcow2 {image}",),
    ),
    Case(
        "one file, on LVM on a RAID5 of three disks", READ, "arrays",
        f"imgtools cat {OURS} /etc/hostname", faster(40), f"virt-cat {THEIRS} /etc/hostname", same_bytes,
    ),
    Case(
        "one file, on a thin volume on that", READ, "arrays",
        f"imgtools cat {OURS} /srv/part1", faster(40), f"virt-cat {THEIRS} /srv/part1", same_bytes,
    ),
    Case(
        "every file, long listing", READ, "real",
        "imgtools ls -l -R {image} /", faster(30),
        "virt-ls -lR -a {image} /", as_many_lines,
    ),
    Case(
        "one file, a guest on btrfs", READ, "real-btrfs",
        "imgtools cat {image} /etc/os-release", faster(40),
        "virt-cat -a {image} /etc/os-release", same_bytes,
    ),
    Case(
        "the system and its packages, a guest on btrfs", READ, "real-btrfs",
        "imgtools inspect {image}", faster(40),
        "virt-inspector -a {image}",
    ),
    Case(
        "every file on btrfs, beside the same files on ext4", READ, "on-btrfs",
        "imgtools ls -l -R {image} / --mount /dev/sda", within(3),
        "imgtools ls -l -R {folder}/on-btrfs-ext4.raw / --mount /dev/sda", as_many_lines,
    ),
    Case(
        "how full", READ, "real",
        "imgtools df {image}", faster(25),
        "virt-df -a {image}", as_many_lines,
    ),
    Case(
        "how full 200 small images are, two at a time, beside one at a time", READ, "many",
        "imgtools df --parallel 2 --images-from {image}", faster_at_any_size(1.8),
        "imgtools df --images-from {image}", as_many_lines,
    ),
    Case(
        "disks, partitions, LVM, filesystems", READ, "real",
        "imgtools filesystems {image}", faster(40),
        "virt-filesystems --all --long --uuid -a {image}",
    ),
    Case(
        "the system and its packages", READ, "real",
        "imgtools inspect {image}", faster(25),
        "virt-inspector -a {image}",
    ),
    Case(
        "its bill of materials, beside inspect", READ, "real",
        "imgtools sbom {image}", within(2),
        "imgtools inspect {image}",
    ),
    Case(
        "logs", READ, "real",
        "imgtools log {image}", faster(10),
        "virt-log -a {image}",
    ),
    Case(
        "every file of every package", READ, "real",
        "imgtools verify {image}", faster(20),
        "python -m tests.bench.verifying debsums {image}",
    ),
    Case(
        "every file of every package, beside hashing the same files on a filesystem of this host", READ, "real",
        "imgtools verify {image}", within(2),
        "python -m tests.bench.verifying hash {folder}/unpacked",
        before_peer=("python -m tests.bench.verifying unpack {folder}/unpacked",),
    ),
    Case(
        "a profile of OpenSCAP, beside guestmount and oscap", READ, "real",
        "sh -c 'imgtools audit {image} --oscap {folder}/ds.xml --profile standard; test $? = 1'",
        faster_at_any_size(2),
        "sh -c 'mkdir -p {folder}/mnt && guestmount --ro -a {image} -i {folder}/mnt &&"
        " OSCAP_PROBE_ROOT={folder}/mnt oscap xccdf eval --profile"
        " xccdf_org.ssgproject.content_profile_standard {folder}/ds.xml; guestunmount {folder}/mnt'",
        before_ours=FOR_12, before_peer=FOR_12,
    ),
    Case(
        "edit one file", WRITE, "real",
        f"imgtools edit {{image}} {EDIT} --write", faster_at_any_size(25),
        f"virt-edit -a {{image}} {EDIT}", nothing_to_compare, writes=True,
    ),
    Case(
        "edit one file, through the appliance", WRITE, "real",
        f"imgtools edit {{image}} {EDIT} --write --engine appliance", faster_at_any_size(2.5),
        f"virt-edit -a {{image}} {EDIT}", nothing_to_compare, writes=True,
    ),
    Case(
        "a script of 200 commands, half of them changes", WRITE, "real",
        "imgtools shell {image} --write -f {folder}/session.imgtools", faster_at_any_size(10),
        "guestfish --rw -a {image} -i -f {folder}/session.fish", nothing_to_compare, writes=True,
        before_ours=("python -m tests.bench.session {folder}",),
        before_peer=("python -m tests.bench.session {folder}",),
    ),
    Case(
        "what sysprep would do", WRITE, "real",
        "imgtools sysprep {image}", faster(20),
        "virt-sysprep -n -a {image}",
    ),
    Case(
        "sysprep", WRITE, "real",
        "imgtools sysprep {image} --write", faster_at_any_size(20),
        "virt-sysprep -a {image}", writes=True,
    ),
    Case(
        "sysprep, through the appliance", WRITE, "real",
        "imgtools sysprep {image} --write --engine appliance", faster_at_any_size(3),
        "virt-sysprep -a {image}", writes=True,
    ),
    Case(
        "100 linked clones, each with its name, key and network", WRITE, "real",
        "imgtools clone {image} --table {folder}/clones.csv --linked --output-dir {folder}/clones",
        Goal(Kind.SECONDS, 100, memory=None), writes=True,
        before_ours=("rm -rf {folder}/clones", "mkdir {folder}/clones", "imgtools sysprep {image} --write"),
    ),
    Case(
        "1,000 small files copied in, beside one", WRITE, "1G",
        "imgtools copy-in {image} {folder}/thousand /etc --write", within(1.5),
        "imgtools copy-in {image} {folder}/one /etc --write", nothing_to_compare, writes=True,
    ),
    Case(
        "what sysprep would do in Windows", WRITE, "windows",
        "imgtools sysprep {image}", Goal(Kind.SECONDS, 3),
    ),
    Case(
        "the values of a key", REGISTRY, "windows",
        r"imgtools registry get {image} HKLM\SOFTWARE\Microsoft\Cryptography", faster_at_any_size(50),
        r"virt-win-reg {image} HKLM\SOFTWARE\Microsoft\Cryptography",
    ),
    Case(
        "100 keys merged into three hives", REGISTRY, "windows",
        "imgtools registry merge {image} {folder}/hundred.reg --write", faster_at_any_size(25),
        "virt-win-reg --merge {image} {folder}/hundred.reg", nothing_to_compare, writes=True,
    ),
    Case(
        "a hive of 100 MB, exported", REGISTRY, "hive",
        "imgtools registry export --hive {image} HKLM", within(1.0),
        "hivexregedit --export {image} \\",
    ),
    Case(
        "a hive of 100 MB, searched, beside exported", REGISTRY, "hive",
        "imgtools registry search --hive {image} needle", faster_at_any_size(1),
        "hivexregedit --export {image} \\",
    ),
    Case(
        "how a guest and a changed overlay of it differ", AUDIT, "changed",
        "sh -c 'imgtools diff {folder}/changed-base.qcow2 {image} || test $? = 1'", faster(20),
        "virt-diff -a {folder}/changed-base.qcow2 -A {image}",
    ),
    Case(
        "an audit, every check", AUDIT, "real",
        "imgtools audit {image} --fail-on critical", Goal(Kind.SECONDS, 3),
    ),
    Case(
        "what happened in a guest, in the order of time", AUDIT, "real",
        "imgtools timeline {image}", Goal(Kind.SECONDS, 5),
    ),
    Case(
        "a million files, in the order of time", AUDIT, "million",
        "imgtools timeline {image} -m /dev/sda", Goal(Kind.SECONDS, 180, memory=300_000_000),
    ),
    Case(
        "a million files of packages, verified", AUDIT, "owned",
        "imgtools verify {image}", Goal(Kind.SECONDS, 300, memory=300_000_000),
    ),
    Case(
        "a guest with a million files, audited", AUDIT, "owned",
        "imgtools audit {image} --fail-on critical", Goal(Kind.SECONDS, 120, memory=300_000_000),
    ),
    Case(
        "its bill of materials, with a million files and their hashes", AUDIT, "owned",
        "imgtools sbom {image} --files", Goal(Kind.SECONDS, 300, memory=300_000_000),
    ),
    Case(
        "grow from 4 GB to 6 GB in place, ext4 on a partition", DISK, "real-plain",
        "imgtools resize {image} 6G --expand auto --write", faster_at_any_size(50),
        "virt-resize --expand /dev/sda1 --format qcow2 {image} {output}", nothing_to_compare, writes=True,
        before_peer=("qemu-img create -q -f qcow2 {output} 6G",),
    ),
    Case(
        "grow from 6 GB to 8 GB in place, with a logical volume", DISK, "real",
        "imgtools resize {image} 8G --lv-expand /dev/vg0/root --write", faster_at_any_size(6),
        "virt-resize --expand /dev/sda1 --LV-expand /dev/vg0/root --format qcow2 {image} {output}",
        nothing_to_compare, writes=True, before_peer=("qemu-img create -q -f qcow2 {output} 8G",),
    ),
    Case(
        "resize into a copy, 6 GB to 8 GB, with a logical volume", DISK, "real",
        "imgtools resize {image} 8G --lv-expand /dev/vg0/root --output {output} -O qcow2",
        faster_at_any_size(6),
        "virt-resize --expand /dev/sda1 --LV-expand /dev/vg0/root --format qcow2 {image} {output}",
        nothing_to_compare, before_peer=("qemu-img create -q -f qcow2 {output} 8G",),
    ),
    Case(
        "a new disk of a folder with 1 GB in 16,000 files, ext4", DISK, "tree",
        "imgtools make {output} --from {image} --type ext4 -O raw", faster_at_any_size(10),
        "virt-make-fs --type=ext4 --format=raw {image} {output}", nothing_to_compare,
    ),
    Case(
        "sparsify in place, 6 GB", DISK, "real",
        "imgtools sparsify {image} --write", faster_at_any_size(20),
        "virt-sparsify --in-place {image}", nothing_to_compare, writes=True,
    ),
    Case(
        "sparsify into a copy, 6 GB", DISK, "real",
        "imgtools sparsify {image} --output {output} -O qcow2", faster_at_any_size(5),
        "virt-sparsify --convert qcow2 {image} {output}", nothing_to_compare,
    ),
    Case(
        "convert 2 GB of data to qcow2", DISK, "2G",
        "imgtools convert {image} {output} -O qcow2", within(1.03),
        "qemu-img convert -W -m 4 -f raw -O qcow2 {image} {output}", nothing_to_compare,
        before_ours=ALIKE, before_peer=ALIKE,
    ),
    Case(
        "convert 2 GB of data to qcow2, until the disk has it", DISK, "2G",
        "imgtools convert {image} {output} -O qcow2 --sync", within(1.03),
        "sh -c 'qemu-img convert -W -m 4 -f raw -O qcow2 {image} {output} && sync {output}'", nothing_to_compare,
        before_ours=ALIKE, before_peer=ALIKE,
    ),
    Case(
        "copy 2 GB of data", DISK, "2G",
        "imgtools convert {image} {output} -O raw", within(1.0),
        "nbdcopy {image} {output}", nothing_to_compare,
        before_ours=ALIKE, before_peer=ALIKE,
    ),
    Case(
        "map of a 100 GB image in 1.6 million pieces", DISK, "pieces",
        "imgtools map {image} --json", Goal(Kind.WITHIN, 1.3),
        "qemu-img map --output=json {image}",
    ),
    Case(
        "one file of a 100 GB disk, beside a 1 GB disk", FLAT, "100G",
        "imgtools cat {image} /etc/os-release", within(1.2),
        "imgtools cat {folder}/1G.qcow2 /etc/os-release", same_bytes,
    ),
    Case(
        "edit on a disk of 100 GB with a filesystem of 1 GB, beside a 1 GB disk", FLAT, "wide",
        "imgtools edit {image} /etc/os-release -e s/12/13/ --write", within(1.2),
        "imgtools edit {output} /etc/os-release -e s/12/13/ --write", nothing_to_compare, writes=True,
        before_peer=("cp --sparse=always {folder}/1G.qcow2 {output}", "sync {output}"),
    ),
    Case(
        "edit on a filesystem of 100 GB, which is checked whole, beside one of 1 GB", FLAT, "100G",
        "imgtools edit {image} /etc/os-release -e s/12/13/ --write", within(1.5),
        "imgtools edit {output} /etc/os-release -e s/12/13/ --write", nothing_to_compare, writes=True,
        before_peer=("cp --sparse=always {folder}/1G.qcow2 {output}", "sync {output}"),
    ),
    Case(
        "10,000 files in 400 folders on FAT, beside ext4", FLAT, "folders",
        "imgtools ls -l -R {image} / -m /dev/sda", Goal(Kind.WITHIN, 3),
        "imgtools ls -l -R {folder}/folders-ext4.raw / -m /dev/sda", as_many_lines,
    ),
    Case(
        "a word in all logs and all configuration, beside grep -r over guestmount", READ, "real",
        "imgtools grep {image} -i error /etc /var/log", faster_at_any_size(20),
        "sh -c 'mkdir -p {folder}/mnt && guestmount --ro -a {image} -i {folder}/mnt &&"
        " grep -r -i error {folder}/mnt/etc {folder}/mnt/var/log; guestunmount {folder}/mnt'",
    ),
    Case(
        "a million files, found", FLAT, "million",
        "imgtools find {image} / --type f -m /dev/sda", Goal(Kind.SECONDS, 60),
    ),
    Case(
        "a million files, in an archive", FLAT, "million",
        "imgtools tar-out {image} / - -m /dev/sda", Goal(Kind.SECONDS, 300),
    ),
    Case(
        "why a guest does not boot", BOOT, "real",
        "imgtools diagnose {image}", faster_at_any_size(15),
        "guestfish --ro -a {image} -i -f tests/bench/diagnose.fish", nothing_to_compare,
    ),
    Case(
        "boot to the login prompt, beside a bare QEMU, both without KVM", BOOT, "real-plain",
        "imgtools boot {image} --timeout 1500", within(1.1),
        "python -m tests.bench.bare_boot {image}",
    ),
    Case(
        "a command in the appliance, the guest mounted", BOOT, "real",
        "imgtools rescue {image} -c true", faster_at_any_size(2),
        "sh -c \"echo exit | script -qec 'virt-rescue --ro -i -a {image}' /dev/null\"", nothing_to_compare,
    ),
    Case("help", START, "none", "imgtools --help", Goal(Kind.SECONDS, 0.3)),
)  # fmt: skip
