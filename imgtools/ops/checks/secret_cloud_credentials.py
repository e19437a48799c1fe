"""No credentials of cloud providers lie in the homes of accounts.

They open whatever the account of the cloud may open, from anywhere, and seldom expire. Places: the documentation of
AWS CLI, gcloud, Azure CLI, OCI, doctl, hcloud, OpenStack, boto, s3cmd, rclone and Terraform, each on where it keeps
its credentials.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import UNIX
from imgtools.ops.secret_checks import kept_in_homes
from imgtools.records.audit import Level

CHECK = Check(
    title="No credentials of cloud providers lie in homes",
    severity=Level.HIGH,
    look=kept_in_homes(
        "credentials of a cloud provider",
        r"(?i)(secret_access_key|private_key|refresh_token|client_secret|access[_-]?token|secret[_-]?key|api[_-]?key)"
        r"\W{0,4}[=:]\s*\S|^\s*token:\s*\S",
        ".aws/credentials",
        ".aws/config",
        ".config/gcloud/*.json",
        ".config/gcloud/*/*.json",
        ".azure/*.json",
        ".azure/*.bin",
        ".oci/config",
        ".config/doctl/config.yaml",
        ".config/hcloud/cli.toml",
        ".config/openstack/clouds.yaml",
        ".boto",
        ".s3cfg",
        ".config/rclone/rclone.conf",
        ".terraform.d/credentials.tfrc.json",
        advice="remove them, and revoke them: they have to count as known",
    ),
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)
