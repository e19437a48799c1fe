"""Remove what container engines and Kubernetes nodes are known by."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the identity of container engines",
    families=LINUX,
    plan=removing(
        "/etc/docker/key.json",
        "/var/lib/docker/engine-id",
        "/var/lib/docker/swarm/*",
        "/var/lib/kubelet/pki/*",
        "/var/lib/kubelet/*_state",
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/bootstrap-kubelet.conf",
        "/etc/rancher/node/password",
        "/var/lib/containerd/io.containerd.grpc.v1.introspection/uuid",
    ),
)
