"""Guests in memory with packages of dpkg, apk and pacman, every file as its package has it; of rpm see rpm_guest."""

from __future__ import annotations

import base64
import gzip
import hashlib

from tests.support.memory import Content, Node, directory, link

OS = {
    "deb": "ID=debian\nVERSION_ID=12\nPRETTY_NAME=Debian\n",
    "apk": "ID=alpine\nVERSION_ID=3.19\nPRETTY_NAME=Alpine\n",
    "pacman": "ID=arch\nPRETTY_NAME=Arch\n",
}
PASSWD = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/sbin/nologin\n"
GROUP = "root:x:0:\ndaemon:x:1:\nshadow:x:42:\n"
BINARY = b"\x7fELF program"
LIBRARY = b"\x7fELF library" * 5000


def _base(package_format: str) -> dict[str, Content]:
    return {
        "/etc/os-release": OS[package_format],
        "/etc/passwd": PASSWD,
        "/etc/group": GROUP,
        "/etc/fstab": "",
        "/var/log/messages": "x",
        "/home/alice/note": "x",
        "/usr/local/bin/own": "x",
        "/bin": link("usr/bin"),
    }


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def dpkg_guest() -> dict[str, Content]:
    """A Debian with a merged /usr, conffiles, a diversion, an override, and documentation that is not unpacked."""
    info = "/var/lib/dpkg/info"
    files = {
        "/usr/bin/tool": BINARY,
        "/usr/lib/libtool.so.1": LIBRARY,
        "/usr/lib/empty": b"",
        "/usr/bin/su": BINARY + b"su",
        "/usr/share/tool/data": b"data",
        "/usr/share/tool/more": b"more",
    }
    listed = [
        "/.",
        "/lib",
        "/lib/libtool.so.1",
        "/usr",
        "/usr/bin",
        "/usr/bin/tool",
        "/usr/bin/su",
        "/usr/lib/empty",
    ]
    listed += ["/usr/lib", "/usr/share", "/usr/share/tool", "/usr/share/tool/data", "/usr/share/tool/more"]
    listed += ["/usr/lib/libtool.so", "/etc", "/etc/tool.conf", "/etc/given-up.conf", "/usr/share/doc"]
    listed += ["/usr/share/doc/tool", "/usr/share/doc/tool/README", "/usr/sbin/diverted", "/var/lib/tool"]
    sums = {path.replace("/usr/lib/lib", "/lib/lib"): _md5(content) for path, content in files.items()}
    sums |= {"/usr/share/doc/tool/README": _md5(b"read me"), "/usr/sbin/diverted": _md5(b"first")}
    return _base("deb") | {
        **{path: Node(content=content, mode=0o755) for path, content in files.items()},
        "/lib": link("usr/lib"),
        "/usr/bin/su": Node(content=BINARY + b"su", mode=0o4750, gid=42),
        "/usr/lib/libtool.so": link("libtool.so.1"),
        "/usr/sbin/diverted.real": Node(content=b"first", mode=0o755),
        "/usr/sbin/diverted": Node(content=b"second", mode=0o755),
        "/var/lib/tool": directory(),
        "/usr/share/doc": directory(),
        "/etc/tool.conf": "a=b\n",
        "/etc/dpkg/dpkg.cfg.d/docker": "path-exclude /usr/share/doc/*\n",
        "/var/lib/dpkg/status": (
            "Package: tool\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1-1\nConffiles:\n"
            f" /etc/tool.conf {_md5(b'a=b' + bytes([10]))}\n /etc/given-up.conf {_md5(b'x')} obsolete\n\n"
            "Package: wrapper\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"
        ),
        "/var/lib/dpkg/diversions": "/usr/sbin/diverted\n/usr/sbin/diverted.real\nwrapper\n",
        "/var/lib/dpkg/statoverride": "root shadow 4750 /usr/bin/su\n",
        f"{info}/tool.list": "\n".join(listed) + "\n",
        f"{info}/tool.md5sums": "".join(f"{digest}  {path[1:]}\n" for path, digest in sums.items()),
        f"{info}/wrapper.list": "/.\n/usr\n/usr/sbin\n/usr/sbin/diverted\n",
        f"{info}/wrapper.md5sums": f"{_md5(b'second')}  usr/sbin/diverted\n",
    }


def apk_guest() -> dict[str, Content]:
    """An Alpine: a program, a library with a link to it, configuration, the links of busybox."""

    def q1(content: bytes) -> str:
        return "Q1" + base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()

    return {path: content for path, content in _base("apk").items() if path != "/bin"} | {
        "/bin/tool": Node(content=BINARY, mode=0o4755),
        "/bin/busybox": Node(content=BINARY + b"busybox", mode=0o755),
        "/bin/ls": link("/bin/busybox"),
        "/lib/libtool.so.1": Node(content=LIBRARY, mode=0o755),
        "/lib/libtool.so": link("libtool.so.1"),
        "/lib/data": Node(content=b"data", gid=42),
        "/etc/tool.conf": "a=b\n",
        "/var/lib/tool": directory(0o1777),
        "/lib/apk/db/installed": (
            f"P:tool\nV:1-r0\nA:x86_64\nF:bin\nR:tool\na:0:0:4755\nZ:{q1(BINARY)}\nF:lib\nR:libtool.so\na:0:0:777\n"
            f"Z:{q1(b'libtool.so.1')}\nR:libtool.so.1\na:0:0:755\nZ:{q1(LIBRARY)}\nR:data\na:0:42:644\nZ:{q1(b'data')}\n"
            f"F:etc\nR:tool.conf\nZ:{q1(b'a=b' + bytes([10]))}\nF:var/lib/tool\nM:0:0:1777\n\n"
            f"P:busybox\nV:1-r0\nA:x86_64\nF:bin\nR:busybox\na:0:0:755\nZ:{q1(BINARY + b'busybox')}\n\n"
        ),
    }


def pacman_guest() -> dict[str, Content]:
    """An Arch: a program, a link, a folder, configuration, and pages that are not extracted."""
    local = "/var/lib/pacman/local/tool-1-1"

    def sha(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    mtree = (
        "#mtree\n/set type=file uid=0 gid=0 mode=644\n./.PKGINFO time=1.0 size=1 sha256digest=00\n"
        "./usr time=1.0 mode=755 type=dir\n./usr/bin time=1.0 mode=755 type=dir\n"
        f"./usr/bin/tool time=1.0 mode=4755 size={len(BINARY)} sha256digest={sha(BINARY)}\n"
        "./usr/bin/alias time=1.0 mode=777 type=link link=tool\n./usr/share/tool time=1.0 mode=2755 gid=42 type=dir\n"
        f"./usr/share/tool/data time=1.0 size=4 sha256digest={sha(b'data')}\n"
        f"./etc/tool.conf time=1.0 size=4 sha256digest={sha(b'a=b' + bytes([10]))}\n"
        f"./usr/share/man/tool.1 time=1.0 size=4 sha256digest={sha(b'page')}\n"
    )
    return _base("pacman") | {
        "/usr/bin/tool": Node(content=BINARY, mode=0o4755),
        "/usr/bin/alias": link("tool"),
        "/usr/share/tool": Node(kind=directory().kind, mode=0o2755, gid=42),
        "/usr/share/tool/data": "data",
        "/usr/share/man": directory(),
        "/etc/tool.conf": "a=b\n",
        "/etc/pacman.conf": "[options]\nNoExtract = usr/share/man/*\n",
        f"{local}/desc": "%NAME%\ntool\n\n%VERSION%\n1-1\n",
        f"{local}/files": "%FILES%\netc/\netc/tool.conf\nusr/\nusr/bin/\nusr/bin/alias\nusr/bin/tool\nusr/share/\n"
        "usr/share/man/\nusr/share/man/tool.1\nusr/share/tool/\nusr/share/tool/data\n\n%BACKUP%\netc/tool.conf\tx\n",
        f"{local}/mtree": gzip.compress(mtree.encode(), mtime=0),
    }
