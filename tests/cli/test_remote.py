"""Images on other machines: read with --remote alone, over each protocol, and each failure by its own name."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgtools as package
from imgtools.engine.remote import http_origin
from imgtools.errors import RemoteNotAllowed
from tests.support.command import Ran, imgtools
from tests.support.fixtures import copy_image, fixture_image
from tests.support.remote_servers import (
    SshServer,
    free_port,
    iscsi_target,
    nbdkit_server,
    qemu_server,
    ssh_server,
)
from tests.support.web_server import Web, web_server

NAME = "debian-fixture\n"
HOSTNAME = "/etc/hostname"


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login of this host's, no proxy, and no patience."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http_origin, "RETRY_DELAYS", (0.01, 0.01))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw") / "disk.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", fixture_image("debian"), path], check=True)
    return path


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server(fixture_image("debian")) as served:
        yield served


def url(web: Web, place: str = "/debian.qcow2") -> str:
    return f"http://127.0.0.1:{web.port}{place}"


def failed(code: int, kind: str, *words: str | Path) -> Ran:
    """Run a command that fails with one line of a class, and a hint."""
    ran = imgtools(*words, "--json", code=code)
    error = ran.json["error"]
    assert error["class"] == kind, error
    assert "\n" not in error["message"] and error["hint"], error
    return ran


def test_the_network_is_used_only_where_it_is_allowed(web: Web, tmp_path: Path) -> None:
    for words in (
        ("cat", url(web), HOSTNAME),
        ("info", url(web)),
        ("convert", url(web), tmp_path / "new.raw"),
    ):
        ran = failed(18, "RemoteNotAllowed", *words)
        assert "--remote" in ran.json["error"]["hint"]
    assert web.asked == []
    failed(2, "UsageError", "cat", url(web), HOSTNAME, "--remote-timeout", "3")


def test_a_guest_on_a_web_server(web: Web) -> None:
    assert imgtools("cat", url(web), HOSTNAME, "--remote").out == NAME
    listed = imgtools("ls", url(web), "/etc", "--remote").out
    assert listed == imgtools("ls", fixture_image("debian"), "/etc").out
    found = imgtools("inspect", url(web), "--remote", "--json").data
    assert found == imgtools("inspect", fixture_image("debian"), "--json").data


def test_info_tells_what_the_server_says_and_no_secret(web: Web) -> None:
    (disk,) = imgtools("info", url(web, "/debian.qcow2?token=topsecret"), "--remote", "--json").data["disks"]
    assert disk["format"] == "qcow2" and disk["virtual_size"] == 1 << 30
    source = disk["source"]
    assert (source["kind"], source["size"]) == ("HTTP", fixture_image("debian").stat().st_size)
    assert source["facts"]["etag"] == '"one"' and source["facts"]["modified"].startswith("Mon, 02 Nov 2026")
    ran = imgtools("info", url(web, "/debian.qcow2?token=topsecret"), "--remote", "-vv")
    assert "topsecret" not in ran.out + ran.err and web.asked[-1][0].endswith("token=topsecret")


def test_a_file_of_a_large_disk_moves_little(raw: Path, tmp_path: Path) -> None:
    large = copy_image(raw, tmp_path)
    os.truncate(large, 4 << 30)
    with web_server(large) as web:
        assert imgtools("cat", url(web, "/disk.raw"), HOSTNAME, "--remote").out == NAME
        assert 0 < web.sent < 20_000_000
        ranges = [
            headers["Range"] for _, headers in web.asked[1:-1]
        ]  # all but those that look at the version
    assert len(set(ranges)) == len(ranges)


def test_copies_are_the_same(web: Web, tmp_path: Path) -> None:
    imgtools("convert", url(web), tmp_path / "new.raw", "-O", "raw", "--remote")
    assert json.loads(_compared(fixture_image("debian"), tmp_path / "new.raw"))["data"]["identical"]
    assert imgtools("compare", url(web), tmp_path / "new.raw", "--remote").code == 0
    assert imgtools("compare", tmp_path / "new.raw", url(web), "--remote").code == 0


def test_two_of_them_are_compared(web: Web, raw: Path, tmp_path: Path) -> None:
    assert "same file" in imgtools("diff", url(web), url(web), "--remote", "--path", "/etc", code=2).err
    with web_server(raw) as other:
        imgtools("diff", url(web), url(other, "/disk.raw"), "--remote", "--path", "/etc")
        several = imgtools(
            "df", url(web, "/a.qcow2?token=topsecret"), url(other, "/disk.raw"), "--remote", "-v"
        )
        assert several.out.count("/dev/sda3") == 2 and "topsecret" not in several.out + several.err
        failed_one = imgtools("df", url(web), f"http://127.0.0.1:{free_port()}/x", "--remote", code=34)
        assert "connection refused" in failed_one.err


def _compared(one: Path, other: Path) -> str:
    return imgtools("compare", one, other, "--json").out


def test_an_edit_goes_into_a_new_image(web: Web, tmp_path: Path) -> None:
    new = tmp_path / "new.qcow2"
    edit = ("edit", url(web), HOSTNAME, "-e", "s/debian/other/", "--remote")
    failed(14, "UnsupportedFormat", *edit, "--write")
    imgtools(*edit, "--output", new)
    assert imgtools("cat", new, HOSTNAME).out == "other-fixture\n"
    imgtools("sysprep", url(web), "--remote", "--output", tmp_path / "prepared.qcow2", "-O", "qcow2")
    assert imgtools("cat", tmp_path / "prepared.qcow2", "/etc/machine-id").out == ""
    failed(14, "UnsupportedFormat", "resize", url(web), "+1G", "--remote", "--write")


def test_a_program_opens_it_too(web: Web) -> None:
    with package.open_image(url(web), remote=True) as image:
        assert image.infos[0].format == "qcow2"
    with pytest.raises(RemoteNotAllowed), package.open_image(url(web)):
        pass


# -- what goes wrong ----------------------------------------------------------------------------------------


def test_each_failure_has_its_error(web: Web, tmp_path: Path) -> None:
    def cat(uri: str, *words: str) -> tuple[str, ...]:
        return ("cat", uri, HOSTNAME, "--remote", *words)

    web.status |= {"/404": 404, "/403": 403, "/500": 500}
    web.redirects |= {"/there": "ftp://127.0.0.1/x", "/round": "/round"}
    failed(34, "RemoteUnreachable", *cat(f"http://127.0.0.1:{free_port()}/x"))
    failed(34, "RemoteUnreachable", *cat(f"nbd://127.0.0.1:{free_port()}/x"))
    failed(34, "RemoteUnreachable", *cat(f"nbd+unix:///?socket={tmp_path}/none"))
    failed(35, "RemoteNotFound", *cat(url(web, "/404")))
    failed(36, "RemoteDenied", *cat(url(web, "/403")))
    failed(38, "RedirectRefused", *cat(url(web, "/there")))
    failed(38, "RedirectRefused", *cat(url(web, "/round")))
    failed(39, "RemoteFailed", *cat(url(web, "/500")))
    web.ranges = False
    failed(38, "RemoteUnfit", *cat(url(web)))
    web.is_silent = True
    failed(33, "RemoteTimeout", *cat(url(web), "--remote-timeout", "0.2"))
    failed(2, "UsageError", *cat("ftp://127.0.0.1/x"))
    secret = failed(2, "UsageError", *cat("http://joe:topsecret@127.0.0.1/x"))
    assert "topsecret" not in secret.out + secret.err


def test_a_login_comes_from_netrc(web: Web, tmp_path: Path) -> None:
    web.login = "joe:topsecret"
    failed(36, "RemoteDenied", "cat", url(web), HOSTNAME, "--remote")
    logins = tmp_path / "netrc"
    logins.write_text("machine 127.0.0.1 login joe password topsecret\n")
    logins.chmod(0o600)
    ran = imgtools("cat", url(web), HOSTNAME, "--remote", "-vv")
    assert ran.out == NAME and "topsecret" not in ran.err
    logins.write_text("machine 127.0.0.1 login joe password another\n")
    ran = failed(36, "RemoteDenied", "cat", url(web), HOSTNAME, "--remote")
    assert "another" not in ran.out + ran.err
    logins.chmod(0o644)
    failed(3, "HostError", "cat", url(web), HOSTNAME, "--remote")


def test_a_file_that_changes_is_no_image(web: Web, tmp_path: Path) -> None:
    def change() -> None:
        web.etag = '"two"'

    web.after = (4, change)
    ran = failed(19, "RemoteChanged", "convert", url(web), tmp_path / "new.raw", "--remote")
    assert "was changed while it was read" in ran.json["error"]["message"]
    assert not list(tmp_path.glob("new*"))


def test_a_change_at_the_very_end_is_noticed(web: Web) -> None:
    web.etag = web.modified = ""
    size = web.size

    def change() -> None:
        if len(web.asked) > 1 and web.asked[-1][1]["Range"] == "bytes=0-0":
            web.content = fixture_image("debian").read_bytes() + bytes(512)

    web.after = (1, change)
    ran = failed(19, "RemoteChanged", "cat", url(web), HOSTNAME, "--remote")
    assert f"it had {size} bytes and has {size + 512}" in ran.json["error"]["message"]


def test_a_connection_that_is_cut_again_and_again(web: Web, tmp_path: Path) -> None:
    def cut() -> None:
        web.cut_after, web.cuts = 100, -1

    web.after = (4, cut)
    failed(39, "RemoteFailed", "convert", url(web), tmp_path / "new.raw", "--remote")
    assert not list(tmp_path.glob("new*"))


def test_an_image_that_names_other_files_is_refused(tmp_path: Path) -> None:
    overlay, base = tmp_path / "overlay.qcow2", tmp_path / "base.raw"
    base.write_bytes(bytes(1 << 20))
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw"]
    subprocess.run([*create, "-b", base, overlay], check=True)
    with web_server(overlay) as web:
        for words in (("info", "--backing-policy", "any"), ("filesystems",)):
            ran = failed(12, "UntrustedBacking", words[0], url(web, "/overlay.qcow2"), "--remote", *words[1:])
            assert "names other files" in ran.json["error"]["message"]


def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = tmp_path / "both.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    words = [*make, *name, "-days", "2", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    both.write_bytes((tmp_path / "key.pem").read_bytes() + (tmp_path / "cert.pem").read_bytes())
    with web_server(fixture_image("debian"), both) as web:
        there = f"https://localhost:{web.port}/debian.qcow2"
        ran = failed(37, "RemoteUntrusted", "cat", there, HOSTNAME, "--remote")
        assert "SSL_CERT_FILE" in ran.json["error"]["hint"]
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert imgtools("cat", there, HOSTNAME, "--remote").out == NAME
        other = f"https://127.0.0.1:{web.port}/debian.qcow2"  # of which the certificate says nothing
        failed(37, "RemoteUntrusted", "cat", other, HOSTNAME, "--remote")


# -- other protocols ----------------------------------------------------------------------------------------


def test_qemus_nbd_server(raw: Path, tmp_path: Path) -> None:
    with qemu_server(raw, tmp_path) as port:
        there = f"nbd://127.0.0.1:{port}/disk"
        assert imgtools("cat", there, HOSTNAME, "--remote").out == NAME
        (disk,) = imgtools("info", there, "--remote", "--json").data["disks"]
        assert (disk["format"], disk["source"]["kind"]) == ("raw", "NBD")
        failed(35, "RemoteNotFound", "cat", f"nbd://127.0.0.1:{port}/other", HOSTNAME, "--remote")
        failed(38, "RemoteUnfit", "cat", f"nbds://127.0.0.1:{port}/disk", HOSTNAME, "--remote")
        failed(38, "RemoteUnfit", "cat", f"http://127.0.0.1:{port}/disk", HOSTNAME, "--remote")
        imgtools("convert", there, tmp_path / "new.qcow2", "-O", "qcow2", "--remote")
        assert (tmp_path / "new.qcow2").stat().st_size < 20_000_000
    assert imgtools("cat", tmp_path / "new.qcow2", HOSTNAME).out == NAME


def test_a_server_with_room_for_one_client(raw: Path, tmp_path: Path) -> None:
    """That is how qemu-nbd serves unless it is told otherwise: a second connection would wait until the time is up."""
    with qemu_server(raw, tmp_path, "--shared=1") as port:
        uri = f"nbd://127.0.0.1:{port}/disk"
        assert imgtools("cat", uri, HOSTNAME, "--remote", "--remote-timeout", "20").out == NAME
        imgtools("convert", uri, tmp_path / "new.raw", "-O", "raw", "--remote", "--remote-timeout", "20")
    assert subprocess.run(["cmp", raw, tmp_path / "new.raw"], check=False).returncode == 0


def test_nbdkit_over_tls_and_a_unix_socket(raw: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.psk"
    keys.write_text("joe:" + "ab" * 32 + "\n")
    keys.chmod(0o600)
    with nbdkit_server(tmp_path, "--tls=require", f"--tls-psk={keys}", "file", raw) as port:
        there = f"nbds://127.0.0.1:{port}/?tls-psk-file={keys}&tls-username=joe"
        assert imgtools("cat", there, HOSTNAME, "--remote").out == NAME
        failed(38, "RemoteUnfit", "cat", f"nbd://127.0.0.1:{port}/", HOSTNAME, "--remote")
        wrong = tmp_path / "wrong.psk"
        wrong.write_text("joe:" + "cd" * 32 + "\n")
        failed(37, "RemoteUntrusted", "cat", there.replace(str(keys), str(wrong)), HOSTNAME, "--remote")
    path = tmp_path / "s"
    argv = ["nbdkit", "-f", "-r", "-U", path, "file", raw]
    with subprocess.Popen(argv) as server:
        try:
            while not path.exists():
                assert server.poll() is None
            there = f"nbd+unix:///?socket={path}"
            assert imgtools("cat", there, HOSTNAME, "--remote").out == NAME
            imgtools("convert", there, tmp_path / "new.raw", "-O", "raw", "--remote")
        finally:  # or it would be waited for
            server.kill()
    assert subprocess.run(["cmp", raw, tmp_path / "new.raw"], check=False).returncode == 0


def test_a_server_of_nbd_that_fails(raw: Path, tmp_path: Path) -> None:
    with nbdkit_server(tmp_path, "--filter=error", "file", raw, "error-pread-rate=100%") as port:
        failed(39, "RemoteFailed", "cat", f"nbd://127.0.0.1:{port}/", HOSTNAME, "--remote")


@pytest.fixture(scope="module")
def ssh() -> Iterator[SshServer]:
    with ssh_server() as server:
        copy_image(fixture_image("debian"), server.folder)
        yield server


def test_a_host_by_ssh(ssh: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGTOOLS_SSH_CONFIG", str(ssh.settings))
    there = ssh.uri(ssh.folder / "debian.qcow2")
    assert imgtools("cat", there, HOSTNAME, "--remote").out == NAME
    (disk,) = imgtools("info", there, "--remote", "--json").data["disks"]
    assert (disk["format"], disk["source"]["kind"]) == ("qcow2", "SSH")
    failed(35, "RemoteNotFound", "cat", ssh.uri(ssh.folder / "none"), HOSTNAME, "--remote")
    failed(36, "RemoteDenied", "cat", ssh.uri(ssh.folder / "user"), HOSTNAME, "--remote")
    failed(34, "RemoteUnreachable", "cat", f"ssh://127.0.0.1:{free_port()}/x", HOSTNAME, "--remote")


def test_a_host_that_is_not_who_it_was(
    ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, known = tmp_path / "ssh", tmp_path / "known"
    settings.write_text(ssh.settings.read_text().replace(f"{ssh.folder}/known", str(known)))
    monkeypatch.setenv("IMGTOOLS_SSH_CONFIG", str(settings))
    words = ("cat", ssh.uri(ssh.folder / "debian.qcow2"), HOSTNAME, "--remote")
    assert "not known" in failed(37, "RemoteUntrusted", *words).json["error"]["message"]
    known.write_text("")
    assert "not known" in failed(37, "RemoteUntrusted", *words).json["error"]["message"]
    known.write_text(f"[127.0.0.1]:{ssh.port} {(ssh.folder / 'user.pub').read_text()}")
    assert "is not the one that is known" in failed(37, "RemoteUntrusted", *words).json["error"]["message"]


def test_ways_to_a_host_that_are_not_gone(
    ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "ssh"
    monkeypatch.setenv("IMGTOOLS_SSH_CONFIG", str(settings))
    words = ("cat", ssh.uri(ssh.folder / "debian.qcow2"), HOSTNAME, "--remote")
    for line in ("ProxyCommand touch %h", "ProxyJump other", "HostKeyAlias other"):
        settings.write_text(f"{ssh.settings.read_text()}  {line}\n")
        failed(38, "RemoteUnfit", *words)
    settings.write_text(ssh.settings.read_text().replace(f"{ssh.folder}/user", f"{tmp_path}/none"))
    failed(36, "RemoteDenied", *words)
    settings.write_text("Nonsense yes\n")
    failed(2, "UsageError", *words)


def test_an_iscsi_target(raw: Path, tmp_path: Path) -> None:
    with iscsi_target(raw, tmp_path) as port:
        there = f"iscsi://127.0.0.1:{port}/iqn.2026-11.test"
        assert imgtools("cat", f"{there}:open/1", HOSTNAME, "--remote").out == NAME
        failed(35, "RemoteNotFound", "cat", f"{there}:none/1", HOSTNAME, "--remote")
        failed(35, "RemoteNotFound", "cat", f"{there}:open/9", HOSTNAME, "--remote")
        failed(36, "RemoteDenied", "cat", f"{there}:chap/1", HOSTNAME, "--remote")
        logins = tmp_path / "netrc"
        logins.write_text("machine 127.0.0.1 login joe password secretsecret\n")
        logins.chmod(0o600)
        assert imgtools("cat", f"{there.replace('//', '//joe@')}:chap/1", HOSTNAME, "--remote").out == NAME
        logins.write_text("machine 127.0.0.1 login joe password wrongwrong12\n")
        failed(36, "RemoteDenied", "cat", f"{there}:chap/1", HOSTNAME, "--remote")
    failed(34, "RemoteUnreachable", "cat", f"{there}:open/1", HOSTNAME, "--remote")


def test_a_cluster_of_ceph_that_is_not_there(tmp_path: Path) -> None:
    """There is none to test with: what is tested is that QEMU's driver gets what the URI says, and its refusals."""
    conf = tmp_path / "ceph.conf"
    words = ("cat", f"rbd:pool/image:conf={conf}", HOSTNAME, "--remote")
    failed(2, "UsageError", *words)
    conf.write_text(
        f"[global]\nmon_host = 127.0.0.1:{free_port()}\nclient_mount_timeout = 1\nauth_client_required = none\n"
    )
    failed(33, "RemoteTimeout", *words)
