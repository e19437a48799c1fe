"""What a launch that failed says: real logs of libguestfs 1.48.6, and the line and cure that come out."""

from __future__ import annotations

import pytest

from imgtools.engine.appliance import failure
from imgtools.engine.appliance.failure import decisive_line, kernel_cure, launch_failed
from imgtools.engine.qemu.kernels import KernelFact
from imgtools.errors import ApplianceFailed, ToolMissing

ADVICE = """To see full error messages you may need to enable debugging.
Do:
  export LIBGUESTFS_DEBUG=1 LIBGUESTFS_TRACE=1
and run the command again.  For further information, read:
  http://libguestfs.org/guestfs-faq.1.html#debugging-libguestfs
You can also run 'libguestfs-test-tool' and post the *complete* output
into a bug report or message to the libguestfs mailing list."""
FORMATTING = "Formatting '/tmp/libguestfsX/overlay1.qcow2', fmt=qcow2 cluster_size=65536 size=67108864\n"
PROBED = """WARNING: Image format was not specified for '/tmp/libguestfsX/overlay1.qcow2' and probing guessed raw.
         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.
         Specify the 'raw' format explicitly to remove the restrictions.
"""
LAUNCH_FAILED = (
    "guestfs_launch failed.\nThis usually means the libguestfs appliance failed to start or crashed.\n"
)

MSR = (
    FORMATTING
    + PROBED
    + (
        "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69\nqemu-system-x86_64: target/i386/kvm/kvm.c:3183:"
        " kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.\n"
    )
)
MEMORY = FORMATTING + "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n"
NO_ROOM = FORMATTING + (
    "cp: error writing '/var/tmp/.guestfs-0/appliance.d.2a/kernel': No space left on device\n"
    "supermin: cp -p '/boot/vmlinuz-6.1.0' '/var/tmp/k': command failed, see earlier errors\n"
)
CLOSED_KERNEL = FORMATTING + (
    "cp: cannot open '/boot/vmlinuz-6.1.0' for reading: Permission denied\n"
    "supermin: cp -p '/boot/vmlinuz-6.1.0' '/var/tmp/k': command failed, see earlier errors\n"
)
NBD_GONE = (
    "qemu-img: /tmp/libguestfsX/overlay1.qcow2: Failed to connect to '/nonexistent.sock': No such file or directory\n"
    "Could not open backing image.\n"
)
BAD_PATH = (
    "cannot find any suitable libguestfs supermin, fixed or old-style appliance on LIBGUESTFS_PATH"
    " (search path: /nonexistent)"
)
CONSOLE = (
    "\x1b[0;1;31m/usr/lib/tmpfiles.d/x.conf:12: Failed to resolve group 'audio'.\x1b[0m\r\r\n"
    "[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(8,0)\r\n"
)


@pytest.fixture(autouse=True)
def good_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's kernel is not what is wrong, unless a test says so."""
    monkeypatch.setattr(failure, "find_kernels", lambda: (KernelFact("/boot/vmlinuz-6.1.0", True, True),))


@pytest.mark.parametrize(
    ("log", "message", "line", "hint"),
    [
        (MSR, LAUNCH_FAILED + ADVICE, "failed to set MSR 0x10a to 0x69", "force_tcg"),
        (MEMORY, LAUNCH_FAILED, "cannot set up guest memory 'pc.ram': Cannot allocate memory", "memory"),
        (NO_ROOM, "supermin exited with error status 1.\n" + ADVICE, "No space left on device", "TMPDIR"),
        (
            CLOSED_KERNEL,
            "supermin exited with error status 1.",
            "Permission denied",
            "chmod 0644 /boot/vmlinuz",
        ),
        (NBD_GONE, "qemu-img exited with error status 1.\n" + ADVICE, "Failed to connect to", "server"),
        (FORMATTING, BAD_PATH, "cannot find any suitable libguestfs supermin", "LIBGUESTFS_PATH"),
        (CONSOLE, LAUNCH_FAILED, "Kernel panic - not syncing: VFS", "doctor --launch"),
        (FORMATTING, "stat: /nonexistent: No such file or directory", "stat: /nonexistent", "doctor"),
    ],
)
def test_the_error_quotes_the_line_that_decides(log: str, message: str, line: str, hint: str) -> None:
    error = launch_failed(log, message)
    assert isinstance(error, ApplianceFailed)
    assert line in error.message
    assert "\n" not in error.message
    assert hint in error.hint
    assert "doctor --launch" in error.hint


def test_supermin_that_is_not_there_is_a_missing_tool() -> None:
    error = launch_failed("sh: 1: supermin: not found\n", "supermin exited with error status 127.")
    assert isinstance(error, ToolMissing)
    assert error.hint == "apt-get install supermin"


def test_an_empty_log_still_makes_a_sentence() -> None:
    assert launch_failed("", "guestfs_launch failed.").message.endswith("it says nothing")


def test_terminal_sequences_of_the_console_are_not_quoted() -> None:
    assert "\x1b" not in decisive_line("\x1b[0;1;31merror: red\x1b[0m\r\r\n")


def test_without_a_sign_the_kernel_of_the_host_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure, "find_kernels", lambda: ())
    assert "apt-get install linux-image" in launch_failed("", "no idea").hint


@pytest.mark.parametrize(
    ("kernels", "cure"),
    [
        ((), "there is no kernel in /boot"),
        ((KernelFact("/boot/vmlinuz-1", False, True),), "sudo chmod 0644 /boot/vmlinuz-*"),
        (
            (KernelFact("/boot/vmlinuz-1", False, True),),
            "dpkg-statoverride --update --add root root 0644 /boot/vmlinuz-1",
        ),
        ((KernelFact("/boot/vmlinuz-1", True, False),), "modules of /boot/vmlinuz-1 are missing"),
    ],
)
def test_the_cure_for_a_kernel_is_the_exact_command(kernels: tuple[KernelFact, ...], cure: str) -> None:
    assert cure in kernel_cure(kernels)


def test_one_usable_kernel_is_enough() -> None:
    assert kernel_cure((KernelFact("/boot/a", False, True), KernelFact("/boot/b", True, True))) == ""
