"""The configuration of systemd's own programs: which file counts, and yes and no."""

from __future__ import annotations

import pytest

from imgtools.guest.settings.systemd_conf import is_yes, systemd_settings
from tests.support.memory import memory_files


def test_one_main_file_counts_and_drop_ins_after_it_by_name() -> None:
    files = memory_files(
        {
            "/usr/lib/systemd/journald.conf": "[Journal]\nStorage=none\nCompress=no\n",
            "/etc/systemd/journald.conf": "[Journal]\nStorage=auto\n",
            "/usr/lib/systemd/journald.conf.d/90-b.conf": "[Journal]\nStorage=persistent\n",
            "/etc/systemd/journald.conf.d/10-a.conf": "[Journal]\nStorage=volatile\nSystemMaxUse=1G\n",
            "/usr/lib/systemd/journald.conf.d/10-a.conf": "[Journal]\nSeal=no\n",
            "/etc/systemd/journald.conf.d/95-c.txt": "[Journal]\nStorage=none\n",
            "/etc/systemd/journald.conf.d/99-d.conf": "[Journal]\nSystemMaxUse=\nno assignment\n",
        }
    )
    found = systemd_settings(files, "journald")
    assert {key: line.value for key, line in found.items()} == {"Storage": "persistent"}
    assert (found["Storage"].path, found["Storage"].line) == ("/usr/lib/systemd/journald.conf.d/90-b.conf", 2)


@pytest.mark.parametrize(
    ("text", "said"), [("yes", True), ("ON", True), ("t", True), ("no", False), ("0", False), ("512K", None)]
)
def test_yes_and_no(text: str, said: bool | None) -> None:
    assert is_yes(text) is said
