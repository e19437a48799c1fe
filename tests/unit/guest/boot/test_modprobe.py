"""Which modules cannot be loaded, and how a kernel was configured."""

from __future__ import annotations

from imgtools.guest.boot.kernel_config import LIMIT, read_kernel_config
from imgtools.guest.boot.kernels import Kernel
from imgtools.guest.boot.modprobe import blocked_by_kernel, modules_of, read_modprobe
from tests.support.memory import memory_files

KERNEL = Kernel("6.1", "/boot/vmlinuz-6.1", modules_path="/lib/modules/6.1", config_file="/boot/config-6.1")


def test_install_blocks_and_blacklist_does_not() -> None:
    files = memory_files(
        {
            "/etc/modprobe.d/a.conf": "install usb-storage /bin/false\n"
            "install ok /sbin/modprobe ok\n# install x /bin/true\n",
            "/usr/lib/modprobe.d/a.conf": "install hidden /bin/true\n",
            "/usr/lib/modprobe.d/b.conf": "blacklist pcspkr\ninstall \\\n  dccp /bin/true\n",
            "/etc/modprobe.d/c.txt": "install no /bin/true\n",
        }
    )
    found = read_modprobe(files)
    assert found.blocked == {"usb_storage", "dccp"}
    assert found.blacklisted == {"pcspkr"}


def test_modules_of_a_kernel() -> None:
    text = "kernel/drivers/usb/storage/usb-storage.ko.zst: kernel/a/b.ko\nkernel/fs/udf/udf.ko:\nnot a line\n"
    assert modules_of(memory_files({"/lib/modules/6.1/modules.dep": text}), KERNEL) == {"usb_storage", "udf"}
    assert modules_of(memory_files({}), KERNEL) == frozenset()
    assert blocked_by_kernel("ro module_blacklist=a,usb-storage quiet") == {"a", "usb_storage"}
    assert blocked_by_kernel("xmodule_blacklist=a") == frozenset()


def test_options_of_a_kernel() -> None:
    text = '# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C="x"\n#CONFIG_D=y\nCONFIG_E\n'
    assert read_kernel_config(memory_files({"/boot/config-6.1": text}), KERNEL) == {
        "CONFIG_A": "n",
        "CONFIG_B": "y",
        "CONFIG_C": "x",
    }
    assert read_kernel_config(memory_files({"/lib/modules/6.1/config": "CONFIG_B=m\n"}), KERNEL) == {
        "CONFIG_B": "m"
    }
    assert read_kernel_config(memory_files({"/boot/config-6.1": "#" * (LIMIT + 1)}), KERNEL) is None
    assert read_kernel_config(memory_files({}), None) is None
