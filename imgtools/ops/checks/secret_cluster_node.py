"""The keys of a cluster's node are no part of an image.

With the administrator's file of a control plane everything in the cluster is open, and a node's own files let another
machine pose as it. Places: kubeadm (/etc/kubernetes), k3s and RKE2 (/etc/rancher, /var/lib/rancher), etcd, Consul,
Nomad.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import LINUX, NoParams
from imgtools.ops.secret_checks import matching_files, secret_lines
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

PATTERNS = (
    "/etc/kubernetes/*.conf",
    "/etc/kubernetes/pki/*.key",
    "/etc/kubernetes/pki/etcd/*.key",
    "/etc/rancher/*/*.yaml",
    "/var/lib/rancher/*/server/token",
    "/var/lib/rancher/*/server/node-token",
    "/etc/consul.d/*",
    "/etc/nomad.d/*",
)
SECRET = re.compile(
    r"(?i)client-key-data|^\s*(token|encrypt|secret)\"?\s*[:=]\s*\S|PRIVATE KEY|^K10[0-9a-f]{20}"
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each file with the key of a cluster."""
    yield from secret_lines(
        examined.files,
        matching_files(examined.files, *PATTERNS),
        SECRET,
        "a key of a cluster",
        "take the node out of the cluster before it becomes an image",
    )


CHECK = Check(
    title="The keys of a cluster's node are no part of an image",
    severity=Level.HIGH,
    look=look,
    families=LINUX,
    references=("NIST 800-53 SC-12",),
)
