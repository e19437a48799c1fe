"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from imgtools.fleet.migrations.making import TYPES, make_table

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = {
    "checks": (
        "check_id:text title:text check_group:text severity:text severity_rank:int result:text "
        "findings:int reason:text"
    ),
    "findings": (
        "check_id:text severity:text severity_rank:int text:text path:text line:int subject:text "
        "evidence:text fixable:bool waived:text"
    ),
    "usage": (
        "device:text content:text label:text uuid:text size:int? used:int? available:int? "
        "use_percent:float? inodes:int? inodes_used:int? inodes_free:int? problem:text"
    ),
    "partitions": (
        "disk:text device:text number:int start:int size:int type:text kind:text name:text "
        "partition_id:text flags:text aligned:bool"
    ),
    "filesystems": (
        "device:text holder:text content:text label:text uuid:text version:text size:int used:int? "
        "available:int? parents:text mountable:bool problem:text"
    ),
    "disks": (
        "disk:text format:text virtual_size:int actual_size:int encryption:text dirty:bool "
        "in_use:bool layers:int snapshots:int partition_table:text partitions:int? problem:text"
    ),
    "layers": ("disk:text depth:int file:text format:text virtual_size:int actual_size:int encryption:text"),
    "snapshots": "disk:text snapshot_id:text name:text created:time vm_state_size:int",
    "guests": (
        "root:text type:text distro:text product_name:text product_variant:text major:int minor:int "
        "arch:text hostname:text package_format:text osinfo:text firmware:text bootloader:text "
        "kernel:text machine_id:text timezone:text init:text default_target:text network:text "
        "selinux:text cloud_init:bool? ssh_host_keys:int?"
    ),
    "packages": (
        "root:text name:text version:text release:text epoch:int arch:text publisher:text "
        "source_package:text license:text"
    ),
    "users": (
        "root:text name:text uid:int? gid:int? sid:text full_name:text home:text shell:text "
        "member_of:text password:text password_method:text can_log_in:bool? administrator:bool? "
        "ssh_keys:int? last_login:time?"
    ),
    "mounts": "root:text path:text device:text content:text options:text missing:bool",
    "services": "root:text name:text",
}


def upgrade() -> None:
    """Make them."""
    _runs_and_images()
    _answers()
    for name, columns in KINDS.items():
        make_table(name, columns)


def _runs_and_images() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID, primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started", TYPES["time"], nullable=False),
        sa.Column("ended", TYPES["time"]),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
    )
    op.create_table(
        "images",
        sa.Column("id", ID, primary_key=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("path_b64", sa.Text(), nullable=False),
        sa.UniqueConstraint("path", "path_b64", name="uq_images_path"),
    )


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("id", ID, primary_key=True),
        _points_at("run_id", "runs.id"),
        _points_at("image_id", "images.id"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("modified", TYPES["time"]),
        sa.Column("answered", TYPES["time"], nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.UniqueConstraint("run_id", "image_id", name="uq_answers_run_image"),
    )
    op.create_index("ix_answers_image_kind", "answers", ["image_id", "kind"])
    op.create_table(
        "run_images",
        _points_at("run_id", "runs.id", key=True),
        _points_at("image_id", "images.id", key=True),
        _points_at("answer_id", "answers.id"),
    )
    op.create_index("ix_run_images_answer_id", "run_images", ["answer_id"])
    op.create_table(
        "warnings",
        _points_at("answer_id", "answers.id", key=True),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
    )
    op.execute(
        "CREATE VIEW latest_answers AS SELECT a.* FROM answers a WHERE a.id = (SELECT max(b.id) FROM answers b "
        "WHERE b.image_id = a.image_id AND b.kind = a.kind AND b.ok)"
    )


def _points_at(name: str, column: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        sa.BigInteger(),
        sa.ForeignKey(column, ondelete="CASCADE"),
        nullable=False,
        primary_key=key,
        autoincrement=False,
    )
