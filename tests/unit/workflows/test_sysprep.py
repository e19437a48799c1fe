"""The story of sysprep on the in-memory guest: what is planned, in which order, and that nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange, RunInGuest, WriteFile
from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions
from imgtools.change.writable_tree import WritableTree
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.identity.search import Bounds, search
from imgtools.image.handle import Image
from imgtools.ops.operation import load_shelf
from imgtools.ops.selection import Selection, choose
from imgtools.ops.shelf_plan import all_changes, plan_operations
from imgtools.records.disks import Mount
from imgtools.records.image import DiskSource
from imgtools.records.orders import Named, Order
from imgtools.records.request import Customization, Engine, ImageRequest, Target
from imgtools.records.system import OsInfo, OsType
from imgtools.workflows.sysprep import SHELF, list_operations, prepare, verify, what_is_left
from tests.support.memory import Content, MemoryWriter, memory_guest_image, memory_volume, serve
from tests.support.sysprep import BASE, PASSWD
from tests.unit.ops.customize.test_shelf import KEY
from tests.unit.ops.sysprep.test_table import WANTED

ID = "0123456789abcdef0123456789abcdef"
USED: dict[str, Content] = {
    **BASE,
    **{path: node for files, _ in WANTED.values() for path, node in files.items()},
}


def used_guest() -> tuple[Guest, WritableTree]:
    """A guest with something for every operation, in a tree that can be written."""
    tree = WritableTree({}, {"/": MemoryWriter(USED)}, Engine.MEMORY)
    volume = memory_volume()
    return Guest(volume, OsInfo(OsType.LINUX, families=("debian",)), (Mount("/", volume),), tree), tree


def carry_out(guest: Guest, tree: WritableTree, selection: Selection) -> None:
    planned = plan_operations(guest, choose(load_shelf(SHELF), selection))
    changes = refuse_contradictions(compose(all_changes(planned), guest.files), guest.files)
    apply_changes(tree, [change for change in changes if isinstance(change, FileChange)])


def test_all_default_operations_agree_and_leave_nothing() -> None:
    guest, tree = used_guest()
    assert what_is_left(guest, Selection())
    carry_out(guest, tree, Selection())
    assert what_is_left(guest, Selection()) == ()


def test_what_one_operation_removes_no_other_one_writes_again() -> None:
    guest, _ = used_guest()
    planned = plan_operations(guest, choose(load_shelf(SHELF), Selection()))
    written = {change.path for one in planned for change in one.changes if isinstance(change, WriteFile)}
    assert not any(path.startswith("/etc/netplan/50-cloud-init") for path in written)


def test_customizing_comes_last_and_is_not_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Customization((Named("ssh-inject", Order(f"root:{KEY}")),))
    files = {**USED, "/etc/ssh/sshd_config": "PermitRootLogin prohibit-password\n"}
    request = serve(monkeypatch, "writing", memory_guest_image(files))
    report = prepare(request, Target(), Selection(), customization=wanted)
    assert report.operations[-1].name == "customize"
    path = "/root/.ssh/authorized_keys"
    assert path in [change.path for change in report.operations[-1].changes]
    (written,) = [
        one.change for one in report.changes if isinstance(one.change, WriteFile) and one.path == path
    ]
    assert written.content.decode() == KEY + "\n"  # none of the keys that were there before


def test_orders_are_carried_out_whatever_else_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Customization((Named("hostname", Order("template")),))
    request = serve(monkeypatch, "writing", memory_guest_image(USED))
    report = prepare(request, Target(), Selection(enable=("machine-id",)), customization=wanted)
    assert [one.name for one in report.operations] == ["machine-id", "customize"]
    with pytest.raises(UsageError, match="left out"):
        prepare(request, Target(), Selection(disable=("customize",)), customization=wanted)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(USED))
    report = prepare(request, Target(), Selection(enable=("ssh-hostkeys,machine-id",)))
    assert not report.written
    assert {one.name: len(one.changes) for one in report.operations} == {"machine-id": 2, "ssh-hostkeys": 2}
    assert len(report.changes) == 4


def test_verify_names_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "sysprep", memory_guest_image(USED))
    found = verify(request)
    assert not found.fit
    assert {"machine-id", "ssh-hostkeys"} <= {one.name for one in found.left}
    clean = serve(monkeypatch, "sysprep", memory_guest_image(BASE))
    assert verify(clean).fit


def test_verify_searches_where_no_operation_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host name is gone where sysprep knows it; a program of the administrator's still has it."""
    files: dict[str, Content] = {
        **BASE,
        "/opt/agent/agent.conf": "name = web1\n",
        "/etc/kernel/entry-token": ID,
    }
    original: dict[str, Content] = {**files, "/etc/hostname": "web1\n", "/etc/machine-id": ID}
    original["/etc/passwd"] = f"{PASSWD}dora:x:1001:1001::/home/dora:/bin/sh\n"
    files["/srv/list"] = "for dora\n"
    images = iter([memory_guest_image(original), memory_guest_image(files), memory_guest_image(files)])

    @contextmanager
    def open_request(request: ImageRequest) -> Iterator[Image]:
        yield next(images)

    monkeypatch.setattr("imgtools.workflows.sysprep.open_request", open_request)
    request = ImageRequest((DiskSource(Path("memory.img")),))
    found = verify(request, original=request)
    assert not found.fit and found.left == ()
    assert [(one.kind, one.text, one.path) for one in found.traces] == [
        ("host name", "web1", "/opt/agent/agent.conf"),
        ("account", "dora", "/srv/list"),
    ]
    assert [(one.path, one.text) for one in found.stays] == [("/etc/kernel/entry-token", ID)]
    assert "kernel-install" in found.stays[0].reason
    assert found.searched is not None and found.searched.identities == 3 and found.searched.complete
    alone = verify(request)
    assert alone.fit and alone.searched is not None and alone.searched.identities == 1


def test_verify_says_what_it_did_not_search_for(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "sysprep", memory_guest_image({**BASE, "/etc/mailname": "web\n"}))
    monkeypatch.setattr("imgtools.workflows.sysprep.search", partial(search, bounds=Bounds(total=10)))
    found = verify(request)
    assert [one.text for one in found.warnings] == [
        "not searched for: the host name web is too short or too common a word",
        "the search for traces is not complete: 10 bytes were read",
    ]
    assert found.searched is not None and not found.searched.complete


def test_a_template_may_say_who_may_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys injected into a template are not the identity of a machine; a private key is."""
    keys: dict[str, Content] = {**BASE, "/root/.ssh/authorized_keys": "ssh-ed25519 A\n"}
    assert verify(serve(monkeypatch, "sysprep", memory_guest_image(keys))).fit
    keys["/root/.ssh/id_ed25519"] = "private"
    found = verify(serve(monkeypatch, "sysprep", memory_guest_image(keys)))
    assert [one.name for one in found.left] == ["ssh-userdir"]


def test_an_operation_named_for_the_wrong_guest_is_an_error() -> None:
    volume = memory_volume()
    _, tree = used_guest()
    windows = Guest(
        volume, OsInfo(OsType.WINDOWS, product_name="Windows 10 Pro"), (Mount("/", volume),), tree
    )
    shelf = load_shelf(SHELF)
    with pytest.raises(UnsupportedGuest, match="rpm-db is not for Windows 10 Pro"):
        plan_operations(windows, choose(shelf, Selection(enable=("rpm-db",))))
    assert not any(
        one.applies and one.shelved.name == "rpm-db"
        for one in plan_operations(windows, choose(shelf, Selection()))
    )


def test_a_script_of_the_host_runs_in_the_guest(tmp_path: object) -> None:
    from pathlib import Path

    script = Path(str(tmp_path)) / "tidy.sh"
    script.write_text("rm -f /opt/app/id\n")
    guest, _ = used_guest()
    chosen = choose(load_shelf(SHELF), Selection(enable=("script",), settings=(f"script.file={script}",)))
    (one,) = plan_operations(guest, chosen)
    assert one.changes == (RunInGuest("rm -f /opt/app/id\n", what=str(script)),)


def test_the_list_says_what_can_be_set() -> None:
    rows = {row.name: row for row in list_operations().operations}
    assert rows["machine-id"].parameters == ("policy",)
    assert rows["user-account"].default is False
