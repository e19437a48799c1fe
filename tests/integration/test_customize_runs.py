"""A real Debian guest, customized in its own tree and at its first boot, boots and is what was ordered."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.boot import booted
from imgtools.ops.firstboot import LOG
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

pytestmark = [pytest.mark.real, pytest.mark.appliance]

LAST = "the last script"
WAIT = f"for i in $(seq 240); do grep -q '=== 0002.* ended' {LOG} && break; sleep 1; done; cat {LOG}"


def test_what_runs_now_and_what_runs_at_the_first_boot(tmp_path: Path) -> None:
    """One transaction in one appliance: an upload, a command, a script, a package; a failing one undoes all."""
    (image,) = copy_fixture("real", tmp_path)
    (tmp_path / "password").write_text("Correct Horse\n")
    (tmp_path / "tool").write_text("#!/bin/sh\necho tool says $1 > /root/tool-said\n")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "script").write_text("#!/usr/bin/perl\nopen my $f, '>', '/root/perl-said'; print $f $0;\n")
    (tmp_path / "first").write_text(f"#!/bin/bash\necho {LAST}: $(cat /root/tool-said)\n")
    words = (
        "customize", image, "--upload", f"{tmp_path}/tool:/root/tool", "--run-command", "/root/tool hello",
        "--delete", "/root/tool", "--run", f"{tmp_path}/script", "--uninstall", "nano",
        "--root-password", f"file:{tmp_path}/password", "--firstboot-command", "echo $((6 * 7)); false",
        "--firstboot", f"{tmp_path}/first",
    )  # fmt: skip
    before = imgtools("cat", image, "/etc/shadow").out
    failed = imgtools(*words, "--run-command", "echo no luck; exit 9", "--write", code=None)
    assert failed.code not in (0, 70)
    assert "exit code 9: no luck" in failed.err
    assert imgtools("cat", image, "/etc/shadow").out == before
    done = imgtools(*words, "--write", "--json")
    assert (done.json["engine"], done.data["written"]) == ("appliance", True)
    assert imgtools("ls", image, "/root").out.count("tool") == 1
    assert "imgtools-run" in imgtools("cat", image, "/root/perl-said").out
    assert not [name for name in imgtools("ls", image, "/tmp").out.split() if "imgtools" in name]
    assert imgtools("cat", image, "/etc/shadow").out.startswith("root:$y$")
    with booted(image) as console:
        console.login("root", "Correct Horse")
        log = console.run(WAIT, timeout=300)
        said = console.run(
            "ls /usr/lib/imgtools/firstboot/scripts | wc -l; dpkg -s nano 2>&1 | grep -c ' ok installed'; true"
        )
    lines = [line.partition(": ")[0] if line.startswith("===") else line for line in log.splitlines()]
    assert lines == [
        "=== 0001-command begins", "42", "=== 0001-command ended with 1",
        "=== 0002-first begins", f"{LAST}: tool says hello", "=== 0002-first ended with 0",
    ]  # fmt: skip
    assert said.split() == ["0", "0"]
