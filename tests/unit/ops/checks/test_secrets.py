"""Checks for secrets: what each finds and where it is silent; and that no secret is in what they say."""

from __future__ import annotations

import base64

import pytest

from tests.support.checks import Case, hold, report_of
from tests.support.memory import Content

# Forms of secrets, made here: none of them opens anything.
AWS = "AKIA" + "Q3EGUZ6ZXNWJWRTL"
GITHUB = "ghp_" + "a1B2" * 9
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"
SAID = "hunter2hunter2"


def openssh(cipher: bytes) -> str:
    body = base64.b64encode(
        b"openssh-key-v1\0" + len(cipher).to_bytes(4, "big") + cipher + bytes(40)
    ).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


CASES = (
    Case(
        "secret-private-keys",
        bad={
            "/root/.ssh/id_rsa": PEM,
            "/home/alice/.ssh/id_ed25519": openssh(b"none"),
            "/home/alice/.ssh/work/id": openssh(b"aes256-ctr"),
            "/home/alice/key.ppk": "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n",
            "/home/gone/.ssh/id_dsa": PEM,
        },
        finds=(
            "/home/alice/.ssh/id_ed25519",
            "/home/alice/.ssh/work/id",
            "/home/alice/key.ppk",
            "/home/gone/.ssh/id_dsa",
            "/root/.ssh/id_rsa",
        ),
        good={
            "/root/.ssh/id_rsa.pub": "ssh-rsa AAAA root",
            "/etc/ssh/ssh_host_rsa_key": PEM,
            "/home/alice/ca.pem": "-----BEGIN CERTIFICATE-----\nMIIE\n",
        },
    ),
    Case(
        "secret-cloud-credentials",
        bad={
            "/root/.aws/credentials": f"[default]\naws_access_key_id = {AWS}\naws_secret_access_key = {SAID}\n",
            "/home/alice/.config/doctl/config.yaml": f"access-token: {SAID}\n",
        },
        finds=("/home/alice/.config/doctl/config.yaml:1", "/root/.aws/credentials:3"),
        good={
            "/root/.aws/config": "[default]\nregion = eu-west-1\n",
            "/root/.aws/credentials": "[default]\n",
        },
    ),
    Case(
        "secret-network-passwords",
        bad={
            "/root/.netrc": f"machine example.org\nlogin a\npassword {SAID}\n",
            "/home/alice/.pgpass": f"db:5432:*:alice:{SAID}\n",
            "/home/alice/.git-credentials": f"https://alice:{SAID}@git.example.org\n",
        },
        finds=("/home/alice/.git-credentials:1", "/home/alice/.pgpass:1", "/root/.netrc:3"),
        good={
            "/root/.netrc": "machine example.org\nlogin anonymous\n",
            "/home/alice/.my.cnf": "[client]\nuser=a\n",
        },
    ),
    Case(
        "secret-registry-tokens",
        bad={
            "/root/.npmrc": f"//registry.npmjs.org/:_authToken={SAID}\n",
            "/root/.pypirc": f"[pypi]\npassword = {SAID}\n",
        },
        finds=("/root/.npmrc:1", "/root/.pypirc:2"),
        good={"/root/.npmrc": "registry=https://npm.example.org/\n"},
    ),
    Case(
        "secret-docker-config",
        bad={"/root/.docker/config.json": '{"auths": {"r.example.org":\n {"auth": "YTpi"}}}'},
        finds=("/root/.docker/config.json:2",),
        good={"/root/.docker/config.json": '{"auths": {"r.example.org": {}}, "credsStore": "pass"}'},
    ),
    Case(
        "secret-kubeconfig",
        bad={"/root/.kube/config": f"users:\n- name: a\n  user:\n    token: {SAID}\n"},
        finds=("/root/.kube/config:4",),
        good={"/root/.kube/config": "users:\n- name: a\n  user:\n    exec:\n      command: aws\n"},
    ),
    Case(
        "secret-shell-history",
        bad={
            "/root/.bash_history": f"ls\nmysql -u root -p{SAID} db\ncurl -u a:{SAID} https://x\n",
            "/home/alice/.zsh_history": f": 1:0;git clone https://{GITHUB}@github.com/a/b\n",
            "/home/alice/.psql_history": f"ALTER USER a PASSWORD '{SAID}';\n",
        },
        finds=("/home/alice/.psql_history:1", "/home/alice/.zsh_history:1", "/root/.bash_history:2"),
        good={
            "/root/.bash_history": "passwd alice\nmysql -u root -p db\nmkdir -p /srv/token\nexport TOKEN=$(cat t)\n"
        },
    ),
    Case(
        "secret-configuration",
        bad={
            "/etc/app/app.ini": f"[s3]\nkey = {AWS}\n",
            "/srv/site/deploy.sh": f"#!/bin/sh\ncurl -H 'Authorization: token {GITHUB}' https://api\n",
            "/etc/apt/sources.list": f"deb https://user1:{SAID}@apt.corp.internal/ stable main\n",
        },
        finds=("/etc/app/app.ini:2", "/etc/apt/sources.list:1", "/srv/site/deploy.sh:2"),
        good={
            "/etc/app/app.ini": "[db]\npassword = secret\nurl = https://user:pass@example.org\n",
            "/etc/ssl/private/a.key": PEM,
            "/srv/photo.jpg": b"\0" + AWS.encode(),
        },
    ),
    Case(
        "secret-environment-files",
        bad={
            "/srv/shop/.env": f"APP=1\nDB_PASSWORD={SAID}\n",
            "/home/alice/site/.env": f"export API_KEY='{SAID}'\n",
        },
        finds=("/home/alice/site/.env:1", "/srv/shop/.env:2"),
        good={
            "/srv/shop/.env": "DB_PASSWORD=\nDB_PASSWORD_FILE_OLD=$X\nDEBUG=1\n",
            "/srv/a/b/c/d/.env": f"PASSWORD={SAID}\n",
        },
    ),
    Case(
        "secret-cloud-init-user-data",
        bad={"/var/lib/cloud/instances/i-1/user-data.txt": f"#cloud-config\npassword: {SAID}\n"},
        finds=("/var/lib/cloud/instances/i-1/user-data.txt:2",),
        good={
            "/var/lib/cloud/instances/i-1/user-data.txt": "#cloud-config\npackages: [vim]\nssh_pwauth: false\n"
        },
    ),
    Case(
        "secret-answer-files",
        bad={
            "/root/anaconda-ks.cfg": "lang en_US\nrootpw --iscrypted $6$a$b\n",
            "/root/ks.cfg": f"rootpw {SAID}\n",
        },
        finds=("/root/anaconda-ks.cfg:2", "/root/ks.cfg:1"),
        good={"/root/anaconda-ks.cfg": "lang en_US\nrootpw --lock\n"},
    ),
    Case(
        "secret-wireless-keys",
        bad={"/etc/NetworkManager/system-connections/home": f"[wifi-security]\npsk={SAID}\n"},
        finds=("/etc/NetworkManager/system-connections/home:2",),
        good={"/etc/NetworkManager/system-connections/lan": "[connection]\ntype=ethernet\n#psk=x\n"},
    ),
    Case(
        "secret-cluster-node",
        bad={"/etc/kubernetes/admin.conf": "users:\n- user:\n    client-key-data: TFMw\n"},
        finds=("/etc/kubernetes/admin.conf:3",),
        good={"/etc/kubernetes/kubelet.conf": "apiVersion: v1\nkind: Config\n"},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_secret_is_in_what_is_said(case: Case) -> None:
    said = str(report_of(case, case.bad))
    assert not [one for one in (SAID, AWS, GITHUB, "MIIE", "YTpi", "TFMw", "$6$a") if one in said]


HOSTILE: tuple[Content, ...] = (b"\xff\xfe" * 10, "password: " * 100_000, "A" * 1_000_000, "\n" * 100_000)


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_odd_files_end_no_check(case: Case, content: Content) -> None:
    assert report_of(case, dict.fromkeys(case.bad, content)).result != "error"
