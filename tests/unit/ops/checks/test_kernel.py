"""Checks of the kernel: its parameters, its modules, memory dumps."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from imgtools.records.audit import Result
from tests.support.checks import Case, audited, chosen, hold, report_of
from tests.support.memory import Content, link

SYSTEMD: dict[str, Content] = {"/usr/lib/systemd/systemd": ""}
DROP = "/etc/sysctl.d/50-a.conf"
VENDOR = "/usr/lib/sysctl.d/50-a.conf"
KERNEL: dict[str, Content] = {
    **SYSTEMD,
    "/boot/vmlinuz-6.1.0-1-amd64": "",
    "/lib/modules/6.1.0-1-amd64/modules.dep": "",
}


def parameter(id: str, name: str, bad: int, *good: int) -> list[Case]:
    """Cases of one parameter: a bad value, and each good one."""
    place = f"{DROP}:1 {name}"
    files = [{**SYSTEMD, DROP: f"{name} = {value}\n"} for value in good]
    return [Case(id, {**SYSTEMD, DROP: f"{name}={bad}\n"}, (place,), one, fixed=True) for one in files]


def by_default(id: str, *names: str, good: str = "", fixed: bool = True) -> Case:
    """A case where nothing sets a parameter, and the kernel's own default is bad."""
    return Case(id, SYSTEMD, names, {**SYSTEMD, VENDOR: good}, fixed=fixed)


CASES = (
    *parameter("kernel-aslr", "kernel.randomize_va_space", 1, 2),
    *parameter("kernel-kptr-restrict", "kernel.kptr_restrict", 0, 1, 2),
    by_default("kernel-kptr-restrict", "kernel.kptr_restrict", good="kernel/kptr_restrict=1\n"),
    *parameter("kernel-dmesg-restrict", "kernel.dmesg_restrict", 0, 1),
    *parameter("kernel-unprivileged-bpf", "kernel.unprivileged_bpf_disabled", 0, 1, 2),
    *parameter("kernel-suid-dumpable", "fs.suid_dumpable", 1, 0, 2),
    by_default("kernel-protected-hardlinks", "fs.protected_hardlinks", good="fs.protected_hardlinks=1"),
    by_default("kernel-protected-symlinks", "fs.protected_symlinks", good="fs.protected_symlinks=1"),
    by_default("kernel-protected-fifos", "fs.protected_fifos", good="fs.protected_fifos=2"),
    by_default("kernel-protected-regular", "fs.protected_regular", good="fs.protected_regular=1"),
    by_default("kernel-ptrace-scope", "kernel.yama.ptrace_scope", good="kernel.yama.ptrace_scope=3"),
    *parameter("kernel-perf-paranoid", "kernel.perf_event_paranoid", 1, 2, 4),
    *parameter("kernel-perf-paranoid", "kernel.perf_event_paranoid", -1, 3),
    *parameter("kernel-sysrq", "kernel.sysrq", 1, 0, 16, 176, 438),
    *parameter("kernel-sysrq", "kernel.sysrq", 64, 128),
    *parameter("kernel-line-disciplines", "dev.tty.ldisc_autoload", 1, 0),
    *parameter("kernel-userfaultfd", "vm.unprivileged_userfaultfd", 1, 0),
    *parameter("kernel-null-pages", "vm.mmap_min_addr", 65535, 65536),
    Case(
        "kernel-bpf-jit-harden",
        {**SYSTEMD, DROP: "kernel.unprivileged_bpf_disabled=0\n"},
        ("net.core.bpf_jit_harden",),
        {**SYSTEMD, DROP: "kernel.unprivileged_bpf_disabled=2\n"},
        fixed=True,
    ),
    by_default("kernel-kexec", "kernel.kexec_load_disabled", good="kernel.kexec_load_disabled=1"),
    Case(
        "kernel-ip-forward",
        {**SYSTEMD, DROP: "net.ipv4.ip_forward=1\n"},
        (f"{DROP}:1 net.ipv4.ip_forward",),
        {**SYSTEMD, DROP: "net.ipv4.ip_forward=1\n", "/usr/bin/dockerd": ""},
    ),
    by_default(
        "kernel-send-redirects",
        "net.ipv4.conf.all.send_redirects",
        "net.ipv4.conf.default.send_redirects",
        good="net.ipv4.conf.all.send_redirects=0\nnet.ipv4.conf.default.send_redirects=0",
    ),
    by_default(
        "kernel-accept-redirects",
        "net.ipv4.conf.all.accept_redirects",
        "net.ipv4.conf.default.accept_redirects",
        good="net.ipv4.conf.*.accept_redirects=0",
    ),
    by_default(
        "kernel-ipv6-redirects",
        "net.ipv6.conf.default.accept_redirects",
        good="net.ipv6.conf.default.accept_redirects=0",
    ),
    Case(
        "kernel-ipv6-redirects",
        {**SYSTEMD, DROP: "net.ipv6.conf.all.accept_redirects=0\n"},
        ("net.ipv6.conf.default.accept_redirects",),
        {**SYSTEMD, DROP: "net.ipv6.conf.all.disable_ipv6 = 1\n"},
        fixed=True,
    ),
    by_default(
        "kernel-ipv6-router-advertisements",
        "net.ipv6.conf.default.accept_ra",
        good="net.ipv6.conf.all.forwarding=1",
        fixed=False,
    ),
    by_default(
        "kernel-secure-redirects",
        "net.ipv4.conf.all.secure_redirects",
        "net.ipv4.conf.default.secure_redirects",
        good="net.ipv4.conf.all.accept_redirects=0\nnet.ipv4.conf.default.accept_redirects=0",
    ),
    Case(
        "kernel-source-route",
        {**SYSTEMD, DROP: "net.ipv4.conf.all.accept_source_route=1\n"},
        (f"{DROP}:1 net.ipv4.conf.all.accept_source_route",),
        {**SYSTEMD, DROP: "net.ipv4.conf.default.accept_source_route=1\n"},  # both have to say so
        fixed=True,
    ),
    by_default(
        "kernel-log-martians",
        "net.ipv4.conf.all.log_martians",
        good="net.ipv4.conf.default.log_martians=1",
    ),
    by_default("kernel-rp-filter", "net.ipv4.conf.all.rp_filter", good="net.ipv4.conf.default.rp_filter=2"),
    *parameter("kernel-syncookies", "net.ipv4.tcp_syncookies", 0, 1, 2),
    *parameter("kernel-icmp-broadcasts", "net.ipv4.icmp_echo_ignore_broadcasts", 0, 1),
    *parameter("kernel-icmp-bogus", "net.ipv4.icmp_ignore_bogus_error_responses", 0, 1),
    Case(
        "kernel-filesystem-modules",
        {
            **KERNEL,
            "/lib/modules/6.1.0-1-amd64/modules.dep": "kernel/fs/hfs/hfs.ko.xz:\nkernel/fs/udf/udf.ko: a.ko\n",
            "/etc/modprobe.d/a.conf": "blacklist hfs\n#install hfs /bin/true\n",
            "/etc/fstab": "/dev/sr0 /media/x udf noauto 0 0\n",
        },
        ("hfs",),
        {
            **KERNEL,
            "/lib/modules/6.1.0-1-amd64/modules.dep": "kernel/fs/hfs/hfs.ko.xz:\nkernel/fs/ext4/ext4.ko:\n",
            "/usr/lib/modprobe.d/a.conf": "install hfs /bin/true\n",
        },
        fixed=True,
    ),
    Case(
        "kernel-network-modules",
        {
            **KERNEL,
            "/lib/modules/6.1.0-1-amd64/modules.dep": "kernel/net/dccp/dccp.ko:\nkernel/net/tls/tls.ko:\n",
        },
        ("dccp",),
        {
            **KERNEL,
            "/lib/modules/6.1.0-1-amd64/modules.dep": "kernel/net/dccp/dccp.ko:\n",
            "/boot/grub/grub.cfg": "menuentry 'a' {\nlinux /vmlinuz-6.1.0-1-amd64 module_blacklist=rds,dccp\n}\n",
        },
        fixed=True,
    ),
    Case(
        "kernel-usb-storage",
        {**KERNEL, "/lib/modules/6.1.0-1-amd64/modules.dep": "kernel/drivers/usb/storage/usb-storage.ko:\n"},
        ("usb_storage",),
        {
            **KERNEL,
            "/lib/modules/6.1.0-1-amd64/modules.dep": "kernel/drivers/usb/storage/usb-storage.ko:\n",
            "/etc/modprobe.d/usb.conf": "install usb-storage /bin/false\n",
        },
        fixed=True,
    ),
    Case(
        "kernel-core-dumps",
        {
            "/usr/lib/systemd/systemd-coredump": "",
            "/etc/systemd/coredump.conf": "[Coredump]\nStorage=external\n",
            "/etc/security/limits.conf": "alice hard core 0\n* soft core 0\n* hard core 1\n",
        },
        ("/etc/systemd/coredump.conf:2 systemd-coredump", "limits"),
        {
            "/usr/lib/systemd/systemd-coredump": "",
            "/etc/systemd/coredump.conf": "[Coredump]\n#Storage=external\n",
            "/usr/lib/systemd/coredump.conf.d/a.conf": "[Coredump]\nStorage=none\n",
            "/etc/security/limits.d/a.conf": "* - core 0\n",
        },
        fixed=True,
    ),
    Case(
        "kernel-kdump",
        {
            **SYSTEMD,
            "/usr/lib/systemd/system/kdump.service": "[Service]\n",
            "/etc/systemd/system/multi-user.target.wants/kdump.service": link(
                "/usr/lib/systemd/system/kdump.service"
            ),
        },
        ("/usr/lib/systemd/system/kdump.service kdump",),
        {**SYSTEMD, "/usr/lib/systemd/system/kdump.service": "[Service]\n"},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize(
    ("config", "result"),
    [
        ("CONFIG_SECURITY_DMESG_RESTRICT=y\n", Result.PASS),
        ("# CONFIG_SECURITY_DMESG_RESTRICT is not set\n", Result.FAIL),
        ("CONFIG_SECURITY=y\n", Result.UNDECIDED),  # cut off, or of a kernel that does not know it
        (None, Result.UNDECIDED),
    ],
)
def test_what_the_kernel_does_by_itself_is_in_its_configuration(config: str | None, result: Result) -> None:
    files: Mapping[str, Content] = (
        KERNEL if config is None else {**KERNEL, "/boot/config-6.1.0-1-amd64": config}
    )
    assert report_of(Case("kernel-dmesg-restrict", {}, ()), files).result is result


@pytest.mark.parametrize(
    ("version", "result"),
    [
        ("5.10.0-1-amd64", Result.FAIL),
        ("5.11.0-1-amd64", Result.PASS),
        ("4.18.0-553.el8.x86_64", Result.UNDECIDED),
        ("5.14.0-362.el9.x86_64", Result.PASS),
    ],
)
def test_a_default_may_change_with_the_version(version: str, result: Result) -> None:
    files: dict[str, Content] = {
        **SYSTEMD,
        f"/boot/vmlinuz-{version}": "",
        f"/lib/modules/{version}/modules.dep": "",
    }
    assert report_of(Case("kernel-userfaultfd", {}, ()), files).result is result


def test_a_value_that_the_kernel_refuses_counts_for_nothing() -> None:
    case = Case("kernel-kptr-restrict", {}, ())
    hidden: dict[str, Content] = {**SYSTEMD, VENDOR: "kernel.kptr_restrict=1\n"}
    assert report_of(case, hidden).result is Result.PASS
    assert report_of(case, {**hidden, DROP: ""}).result is Result.FAIL  # a file of its name hides it
    refused = report_of(case, {**SYSTEMD, DROP: "kernel.kptr_restrict=on\n"})
    assert [one.evidence for one in refused.findings] == ["kernel.kptr_restrict = 0, the kernel's default"]


def test_debians_kernels_restrict_nothing_by_yama() -> None:
    files = {**KERNEL, "/boot/config-6.1.0-1-amd64": "CONFIG_SECURITY_YAMA=y\n"}
    case = Case("kernel-ptrace-scope", {}, (), os={"distro": "debian"})
    assert report_of(case, files).result is Result.FAIL
    assert report_of(case._replace(os={"distro": "ubuntu"}), files).result is Result.PASS


def test_a_fix_goes_where_the_value_is_set() -> None:
    """A drop-in of ours would be read before that file, and change nothing."""
    path = "/etc/sysctl.d/zz-site.conf"
    case = Case("kernel-syncookies", {**SYSTEMD, path: "# site\n-net/ipv4/tcp_syncookies = 0\n"}, ())
    examined = audited(case.bad)
    flaw = next(iter(case.shelved.check.look(examined, chosen(case).params)))
    change = next(iter(flaw.fix(examined.files)))  # type: ignore[union-attr, misc]
    assert (change.path, change.content) == (path, b"# site\n-net/ipv4/tcp_syncookies = 1\n")


def test_a_vendors_file_that_is_read_last_has_no_fix() -> None:
    case = Case("kernel-syncookies", {}, ())
    last = report_of(case, {**SYSTEMD, "/usr/lib/sysctl.d/zz.conf": "net.ipv4.tcp_syncookies=0\n"})
    assert [one.fixable for one in last.findings] == [False]
