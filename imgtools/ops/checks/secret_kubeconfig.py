"""No keys to Kubernetes clusters lie in the homes of accounts.

A kubeconfig holds what its user may do in the cluster, often everything. Source: the reference of kubeconfig (v1),
AuthInfo.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import UNIX
from imgtools.ops.secret_checks import kept_in_homes
from imgtools.records.audit import Level

CHECK = Check(
    title="No keys to Kubernetes clusters lie in homes",
    severity=Level.HIGH,
    look=kept_in_homes(
        "a key to a Kubernetes cluster",
        r"""^\s*(client-key-data|token|password|refresh-token|id-token)\s*:\s*\S""",
        ".kube/config",
        ".kube/*.yaml",
        ".kube/*.conf",
        advice="remove it, and revoke it in the cluster",
    ),
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)
