"""A Debian in memory with two kernels and all that it boots with, sound in every way that repairs look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from imgtools.files.tree import GuestTree
from imgtools.guest.guest import Guest
from imgtools.records.disks import Disk, Holder, Layout, Mount, Partition, Volume
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from imgtools.volumes.volume_file import DiskFile
from tests.support.memory import Content, MemoryFilesystem, link

OLD, NEW = "6.1.0-18-amd64", "6.1.0-20-amd64"
ROOT_UUID, SWAP_UUID, GONE = (f"d0d0d0d0-0030-4000-8000-00000000000{n}" for n in (1, 2, 9))
ROOT = Volume("/dev/sda1", Holder.PARTITION, 1 << 30, "ext4", uuid=ROOT_UUID)
SWAP = Volume("/dev/sda2", Holder.PARTITION, 1 << 28, "swap", uuid=SWAP_UUID)
ESP = Volume("/dev/sda3", Holder.PARTITION, 1 << 26, "vfat", uuid="EF15-0030")
PARTITIONS = tuple(
    Partition(one.device, number, number << 20, one.size, kind)
    for number, (one, kind) in enumerate(((ROOT, "0x83"), (SWAP, "0x82")), 1)
)
MBR = Disk("/dev/sda", 4 << 30, table="dos", partitions=PARTITIONS)


def grub_entry(kernel: str, *, words: str = "ro quiet", recovery: bool = False, root: str = ROOT_UUID) -> str:
    """A menuentry as grub-mkconfig writes it, inside the submenu."""
    kind, title = ("recovery", " (recovery mode)") if recovery else ("advanced", "")
    return (
        f"\tmenuentry 'Debian, with Linux {kernel}{title}' --class debian $menuentry_id_option "
        f"'gnulinux-{kernel}-{kind}-{ROOT_UUID}' {{\n"
        f"\t\tsearch --no-floppy --fs-uuid --set=root {root}\n"
        f"\t\tlinux\t/boot/vmlinuz-{kernel} root=UUID={root} {words}\n"
        f"\t\tinitrd\t/boot/initrd.img-{kernel}\n\t}}\n"
    )


def grub_cfg(*kernels: str, words: str = "ro quiet", root: str = ROOT_UUID) -> str:
    """The configuration with entries for some kernels, the first of which is the default."""
    first = grub_entry(kernels[0], words=words, root=root).replace("\t\t", "\t").replace("\tmenu", "menu", 1)
    first = first.replace(f"Debian, with Linux {kernels[0]}", "Debian GNU/Linux").replace(
        f"gnulinux-{kernels[0]}-advanced", "gnulinux-simple"
    )
    more = "".join(
        grub_entry(one, words=words, root=root) + grub_entry(one, words="ro single", recovery=True, root=root)
        for one in kernels
    )
    return (
        'if [ "${next_entry}" ] ; then\n   set default="${next_entry}"\nelse\n   set default="0"\nfi\n'
        f"{first}submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-{ROOT_UUID}' {{\n{more}}}\n"
    )


FILES: dict[str, Content] = {
    "/bin": link("usr/bin"), "/sbin": link("usr/sbin"), "/lib": link("usr/lib"), "/lib64": link("usr/lib64"),
    "/usr/bin/sh": "", "/usr/lib64/ld-linux-x86-64.so.2": "", "/usr/lib/systemd/systemd": "",
    "/usr/sbin/init": link("/lib/systemd/systemd"), "/usr/sbin/update-initramfs": "", "/usr/bin/lsinitramfs": "",
    "/usr/sbin/grub-mkconfig": "", "/usr/sbin/grub-install": "", "/usr/bin/grub-script-check": "",
    "/usr/lib/grub/i386-pc/modinfo.sh": "", "/usr/bin/dpkg": "",
    "/boot/grub/grub.cfg": grub_cfg(NEW, OLD),
    "/boot/grub/grubenv": "# GRUB Environment Block\n" + "#" * 999,
    **{f"/boot/{name}-{one}": "x" for one in (OLD, NEW) for name in ("vmlinuz", "initrd.img")},
    **{f"/usr/lib/modules/{one}/modules.dep": "" for one in (OLD, NEW)},
    "/etc/fstab": f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\nUUID={SWAP_UUID} none swap sw 0 0\n",
    "/etc/default/grub": 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
    "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\n",
}  # fmt: skip


def debian(
    files: Mapping[str, Content | None] | None = None,
    *,
    disk: Disk = MBR,
    volumes: tuple[Volume, ...] = (ROOT, SWAP),
    esp: Mapping[str, Content] | None = None,
    open_device: Callable[[str], DiskFile | None] = lambda device: None,
) -> Guest:
    """The guest, with what is different; None: the file is not there."""
    tree = {path: content for path, content in {**FILES, **(files or {})}.items() if content is not None}
    mounted = {"/": MemoryFilesystem(tree)}
    mounts = [Mount("/", ROOT)]
    if esp is not None:
        mounted["/boot/efi"] = MemoryFilesystem(esp, ignores_case=True)
        mounts.append(Mount("/boot/efi", ESP))
        volumes = (*volumes, ESP)
    os = OsInfo(OsType.LINUX, "debian", ("debian",), arch="x86_64", package_format="deb")
    layout = Layout((disk,), volumes=volumes)
    return Guest(
        ROOT, os, tuple(mounts), GuestTree(mounted, Engine.MEMORY), layout=layout, open_device=open_device
    )
