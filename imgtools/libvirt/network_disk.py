"""Disks of a definition that are not on this host: what their place is called."""

from __future__ import annotations

from urllib.parse import quote
from xml.etree.ElementTree import Element

from imgtools.errors import UnsupportedFormat

_WEB = frozenset({"http", "https", "ftp", "ftps", "ssh", "sftp"})


def uri_of(source: Element, which: str) -> str:
    """Return the URI of a ``source`` element of a network disk; user names and secrets are left out.

    :param which: the disk, for the message.
    :raises UnsupportedFormat: nobody here knows the protocol, or whom to ask.
    """
    protocol, name = source.get("protocol", ""), source.get("name", "")
    hosts = source.findall("host")
    host = hosts[0] if hosts else Element("host")
    if (
        protocol == "rbd" and hosts
    ):  # ceph.conf may be that of another cluster, with an image of the same name
        monitors = ", ".join(_address(one) for one in hosts)
        raise UnsupportedFormat(
            f"{which} is rbd:{name} at the monitors {monitors}, and only those of ceph.conf are asked",
            hint=f"if they are the same, name the disk: rbd:{name} --remote",
        )
    if protocol == "rbd":
        return f"rbd:{name}"
    if protocol == "nbd" and host.get("transport") == "unix":
        return f"nbd+unix:///{quote(name)}?socket={quote(host.get('socket', ''))}"
    if protocol in _WEB | {"nbd", "iscsi"} and host.get("name"):
        query = source.get("query", "")
        return f"{protocol}://{_address(host)}/{quote(name)}" + (f"?{query}" if query else "")
    raise UnsupportedFormat(
        f"{which} is on the network by {protocol or 'an unnamed protocol'}, which is not read"
    )


def _address(host: Element) -> str:
    name, port = host.get("name", ""), host.get("port", "")
    name = f"[{name}]" if ":" in name else name
    return f"{name}:{port}" if port else name
