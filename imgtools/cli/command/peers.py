"""Words of other programs that people try here, and what does the same. Loaded only when a word is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# A command of another program, or the program itself, to ours with the words it needs.
SAME: Mapping[str, str] = {
    # libguestfs
    "guestfish": "shell",
    "guestmount": "mount",
    "guestunmount": "unmount",
    "libguestfs-test-tool": "doctor",
    "virt-alignment-scan": "filesystems --alignment",
    "virt-cat": "cat",
    "virt-clone": "clone",
    "virt-convert": "convert",
    "virt-copy-in": "copy-in",
    "virt-copy-out": "copy-out",
    "virt-customize": "customize",
    "virt-df": "df",
    "virt-diff": "diff",
    "virt-edit": "edit",
    "virt-filesystems": "filesystems",
    "virt-get-kernel": "get-kernel",
    "virt-host-validate": "doctor",
    "virt-inspector": "inspect",
    "virt-list-filesystems": "filesystems --only filesystems",
    "virt-list-partitions": "filesystems --only partitions",
    "virt-log": "log",
    "virt-ls": "ls",
    "virt-make-fs": "make --from",
    "virt-rescue": "rescue",
    "virt-resize": "resize",
    "virt-sparsify": "sparsify",
    "virt-sysprep": "sysprep",
    "virt-tail": "tail --follow",
    "virt-tar-in": "tar-in",
    "virt-tar-out": "tar-out",
    # disks, partitions, filesystems of the host
    "blkid": "filesystems",
    "fdisk": "partition list",
    "findmnt": "filesystems",
    "fstrim": "sparsify",
    "lvcreate": "lvm create",
    "lvreduce": "lvm reduce",
    "lvremove": "lvm remove",
    "vgcreate": "lvm create",
    "vgextend": "lvm extend",
    "vgreduce": "lvm reduce",
    "vgremove": "lvm remove",
    "mkfs": "format",
    "mkswap": "format --type swap",
    "virt-format": "format",
    "growpart": "resize --expand PART",
    "lsblk": "filesystems",
    "lvextend": "resize --lv-expand /dev/VG/LV",
    "lvs": "filesystems --only lvs",
    "parted": "partition list",
    "pvs": "filesystems --only pvs",
    "resize2fs": "resize --expand PART",
    "sfdisk": "partition list",
    "sgdisk": "partition list",
    "gdisk": "partition list",
    "shred": "wipe",
    "umount": "unmount",
    "vgs": "filesystems --only vgs",
    "xfs_growfs": "resize --expand PART",
    "zerofree": "sparsify",
    # files
    "augtool": "config",
    "cmp": "compare",
    "dir": "ls",
    "dmesg": "log",
    "download": "copy-out",
    "head": "cat",
    "journalctl": "log",
    "less": "cat",
    "more": "cat",
    "ncdu": "du",
    "rg": "grep",
    "nano": "edit",
    "readlink": "ls -l",
    "rename": "mv",
    "rmdir": "rm -r",
    "scp": "copy-in",
    "sed": "edit -e s/old/new/",
    "stat": "ls -l",
    "tee": "write",
    "upload": "copy-in",
    "vi": "edit",
    "vim": "edit",
    # a guest's own programs
    "chroot": "rescue --chroot",
    "e2fsck": "repair --only filesystem-check",
    "fsck": "repair --only filesystem-check",
    "xfs_repair": "repair --only filesystem-check",
    "bcdboot": "repair --only windows-boot-devices",
    "bcdedit": "repair --list",
    "bootrec": "repair",
    "chntpw": "repair --only windows-password",
    "chpasswd": "customize --password",
    "aide": "verify",
    "debsums": "verify",
    "dpkg": "inspect",
    "dracut": "repair --only initramfs",
    "fixfiles": "repair --only selinux-relabel",
    "grub-install": "repair --only grub-install",
    "grub2-install": "repair --only grub-install",
    "grub-mkconfig": "repair --only grub-config",
    "grub2-mkconfig": "repair --only grub-config",
    "hivexget": "registry get",
    "hivexregedit": "registry export",
    "hivexsh": "registry list",
    "hostname": "customize --hostname NAME",
    "hostnamectl": "customize --hostname NAME",
    "lynis": "audit",
    "mkinitcpio": "repair --only initramfs",
    "oscap": "audit --oscap",
    "packages": "inspect",
    "passwd": "customize --password",
    "reg": "registry",
    "reged": "registry",
    "regedit": "registry",
    "rpm": "inspect",
    "restorecon": "repair --only selinux-relabel",
    "services": "inspect",
    "ssh-copy-id": "customize --ssh-inject",
    "syft": "sbom",
    "systemctl": "repair --only unit",
    "timedatectl": "customize --timezone ZONE",
    "trivy": "sbom",
    "update-grub": "repair --only grub-config",
    "update-initramfs": "repair --only initramfs",
    "users": "inspect",
    # words for what we call otherwise
    "delete": "rm",
    "list": "ls",
    "merge": "commit",
    "remove": "rm",
    "restore": "snapshot apply",
    "revert": "snapshot apply",
    "show": "info",
    "status": "info",
    "unlink": "rm",
    "vmware-vdiskmanager": "convert",
}

# What nothing here does in one command: what to do instead.
OTHERWISE: Mapping[str, str] = {
    "guestfsd": "the appliance is started where it is needed; imgtools doctor --launch tries it",
    "kpartx": "no device of the host is needed: imgtools filesystems lists the partitions, imgtools mount shows the "
    "files",
    "losetup": "no device of the host is needed: imgtools filesystems lists what is on an image, imgtools mount shows "
    "the files",
    "ntfsfix": "Windows repairs its own: imgtools repair --only windows-check-disk has it do so at the next boot",
    "qemu-img": "its commands are commands here: imgtools info, imgtools convert, imgtools create ...",
    "qemu-io": "imgtools dd copies a stretch of a disk out or in, imgtools bench measures",
    "qemu-nbd": "no device of the host is needed: imgtools mount shows the files, imgtools dd copies a stretch",
    "tar": "imgtools tar-in unpacks into a guest, imgtools tar-out packs",
    "useradd": "imgtools customize --run-command 'useradd NAME' IMAGE",
    "virt-builder": "no templates are downloaded; imgtools make builds a disk of files, imgtools clone copies one that "
    "is there",
    "virt-builder-repository": "no templates are downloaded; imgtools clone copies one of yours",
    "virt-dib": "no image is built from elements; imgtools make builds a disk of files, imgtools customize changes it",
    "virt-index-validate": "no templates are downloaded, so there is no index; imgtools clone copies one of yours",
    "virt-p2v": "a physical machine is not converted; imgtools convert takes a copy of its disk",
    "virt-v2v": "imgtools convert changes the format of a disk, imgtools repair --only windows-virtio gives a Windows "
    "its drivers",
    "virt-win-reg": "imgtools registry reads and changes keys and values; imgtools virt virt-win-reg takes its words",
    "virsh": "imgtools inspect --domain NAME takes a guest by its name, and so do the other commands; all else is "
    "virsh's",
}

# In a group: what people say, and what the groups say.
IN_GROUPS: Mapping[str, Sequence[str]] = {
    "create": ("add",),
    "add": ("create", "set"),
    "del": ("delete",),
    "drop": ("delete",),
    "erase": ("delete",),
    "remove": ("delete",),
    "rm": ("delete",),
    "ls": ("list", "match"),
    "show": ("list", "get"),
    "list": ("match", "show"),
    "revert": ("apply",),
    "restore": ("apply",),
    "print": ("get",),
    "read": ("get",),
    "write": ("set",),
}


def instead_of(words: Sequence[str], known: Sequence[str]) -> str:
    """Return what to type instead of an unknown first word, in one sentence; nothing if we have no idea.

    :param words: the unknown word, and what stands behind it.
    :param known: the commands that there are.
    """
    word = words[0]
    if word == "qemu-img" and len(words) > 1 and words[1] in known:
        return f"that is imgtools {words[1]}"
    if word.startswith("mkfs."):
        word = "mkfs"
    elif word.startswith("fsck."):
        word = "fsck"
    if word in SAME:
        return f"that is imgtools {SAME[word]}"
    return OTHERWISE.get(word, "")


def in_group(word: str, known: Sequence[str]) -> str:
    """Return the command of a group that an unknown word stands for, or nothing."""
    return next((one for one in IN_GROUPS.get(word, ()) if one in known), "")
