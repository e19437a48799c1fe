"""The kernel's parameters as files set them: which file counts, in which order, names and patterns."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.settings.sysctl import plain_key, read_sysctl, sysctl_files
from tests.support.memory import Content, link, memory_files

SYSTEMD: dict[str, Content] = {"/usr/lib/systemd/systemd": ""}
OPENRC: dict[str, Content] = {"/sbin/openrc": ""}


def value(files: dict[str, Content], name: str) -> str | None:
    line = read_sysctl(memory_files(files)).find(name)
    return None if line is None else line.value


def test_files_of_one_name_hide_each_other_and_the_names_are_the_order() -> None:
    files = {
        **SYSTEMD,
        "/etc/sysctl.d/10-b.conf": "a.b=etc",
        "/usr/lib/sysctl.d/10-b.conf": "a.b=usr\nc.d=hidden",
        "/usr/lib/sysctl.d/90-a.conf": "a.b=last",
        "/run/sysctl.d/20-c.conf": "a.b=run",
        "/etc/sysctl.d/99-readme": "a.b=no",
    }
    assert value(files, "a.b") == "last"
    assert value(files, "c.d") is None
    assert sysctl_files(memory_files(files)) == (
        "/etc/sysctl.d/10-b.conf",
        "/run/sysctl.d/20-c.conf",
        "/usr/lib/sysctl.d/90-a.conf",
    )


def test_a_link_to_null_hides_a_file() -> None:
    files = {**SYSTEMD, "/etc/sysctl.d/a.conf": link("/dev/null"), "/usr/lib/sysctl.d/a.conf": "a.b=1"}
    assert value(files, "a.b") is None


def test_sysctl_conf_counts_where_a_link_leads_to_it_or_without_systemd() -> None:
    conf: dict[str, Content] = {"/etc/sysctl.conf": "a.b=conf"}
    linked: dict[str, Content] = {"/etc/sysctl.d/99-sysctl.conf": link("../sysctl.conf")}
    assert value({**SYSTEMD, **conf}, "a.b") is None
    assert value({**SYSTEMD, **conf, **linked, "/etc/sysctl.d/50.conf": "a.b=50"}, "a.b") == "conf"
    assert value({**OPENRC, **conf, "/etc/sysctl.d/zz.conf": "a.b=zz"}, "a.b") == "conf"


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.1/rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
        ("net.ipv4.conf.eth0/1.rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
        ("kernel", "kernel"),
    ],
)
def test_names_with_dots_and_slashes(said: str, key: str) -> None:
    assert plain_key(said) == key


def test_a_name_beats_every_pattern_and_a_dash_keeps_patterns_away() -> None:
    text = "net.ipv4.conf.all.x=1\nnet.ipv4.conf.*.x=2\n-net.ipv4.conf.lo.x\n"
    files: dict[str, Content] = {**SYSTEMD, "/etc/sysctl.d/a.conf": text}
    assert value(files, "net.ipv4.conf.all.x") == "1"
    assert value(files, "net.ipv4.conf.default.x") == "2"
    assert value(files, "net.ipv4.conf.lo.x") is None
    assert value(files, "net.ipv4.conf.a.b.x") is None  # a star stays within a part


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("1", 1),
        (" 0x10 ", 16),
        ("010", 8),
        ("-1", -1),
        ("089", None),
        ("on", None),
        ("", None),
        ("1 2", None),
    ],
)
def test_numbers_as_the_kernel_reads_them(said: str, number: int | None) -> None:
    line = read_sysctl(memory_files({**SYSTEMD, "/etc/sysctl.d/a.conf": f"a.b={said}\n"})).find("a.b")
    assert line is not None
    assert line.number == number


def test_what_is_no_assignment_says_nothing() -> None:
    text = "# a.b=1\n; a.b=2\na.b\n=3\n\n- a.c = 4 \n\udcff=5\n"
    files: dict[str, Content] = {**SYSTEMD, "/etc/sysctl.d/a.conf": text}
    assert value(files, "a.b") is None
    assert value(files, "a.c") == "4"


def test_ufw_is_last_if_it_starts() -> None:
    ufw: dict[str, Content] = {
        "/etc/default/ufw": "IPT_SYSCTL=/etc/ufw/sysctl.conf\n",
        "/etc/ufw/sysctl.conf": "net/ipv4/tcp_syncookies=0\n",
        "/etc/sysctl.d/zz.conf": "net.ipv4.tcp_syncookies=1\n",
        **SYSTEMD,
    }
    name = "net.ipv4.tcp_syncookies"
    assert value({**ufw, "/etc/ufw/ufw.conf": "ENABLED=yes\n"}, name) == "0"
    assert value({**ufw, "/etc/ufw/ufw.conf": "ENABLED=no\n"}, name) == "1"


def test_a_file_larger_than_any_real_one_is_named() -> None:
    with pytest.raises(OddGuest, match=r"/etc/sysctl\.d/a\.conf"):
        read_sysctl(memory_files({**SYSTEMD, "/etc/sysctl.d/a.conf": "#" * ((1 << 20) + 1)}))


SHADOWED = {
    "/etc/sysctl.d/10-b.conf": "a.b=etc",
    "/usr/lib/sysctl.d/10-b.conf": "a.b=usr",
    "/usr/lib/sysctl.d/90-a.conf": "a.b=last",
    "/run/sysctl.d/20-c.conf": "a.b=run",
    "/usr/local/lib/sysctl.d/15-d.conf": "a.b=local",
    "/etc/sysctl.d/5-e.conf": "a.b=5",
    "/etc/sysctl.d/B.conf": "a.b=B",
    "/etc/sysctl.d/_.conf": "a.b=_",
    "/etc/sysctl.d/99-readme": "a.b=no",
    "/etc/sysctl.conf": "a.b=conf",
}


@pytest.mark.host
@pytest.mark.parametrize(
    ("program", "words", "header", "init"),
    [
        ("/usr/lib/systemd/systemd-sysctl", ["--cat-config"], r"(?m)^# (/\S+\.conf)$", SYSTEMD),
        ("/usr/sbin/sysctl", ["--system"], r"(?m)^\* Applying (/\S+?)(?: \.\.\.)?$", OPENRC),
    ],
    ids=["systemd", "procps"],
)
def test_the_order_is_that_of_the_real_programs(
    tmp_path: Path, program: str, words: list[str], header: str, init: dict[str, Content]
) -> None:
    """The program itself in a folder as its root, without /proc: it reads the files, and sets nothing."""
    for path, text in SHADOWED.items():
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{text}\n")
    needed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in (program, *re.findall(r"(/\S+) \(0x", needed)):
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    run = subprocess.run(
        ["unshare", "-r", "chroot", str(tmp_path), program, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.findall(header, run.stdout) == list(sysctl_files(memory_files({**SHADOWED, **init}))), run
