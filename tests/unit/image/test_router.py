"""Which engine answers: the laws of the router."""

from collections.abc import Callable

import pytest

from imgtools.engine.api import Session
from imgtools.errors import BadImage, EngineFailed, OddGuest, ToolMissing
from imgtools.image.router import Router
from imgtools.records.disks import Declined, Disk, Layout, Mount, Volume
from imgtools.records.request import Engine
from imgtools.records.usage import Usage
from tests.support.memory import MemoryFilesystem, MemorySession, memory_volume

CLEAN = memory_volume("/dev/sda1")
DIRTY = memory_volume("/dev/sda2")
UNREAD = (Declined("/dev/sda2", "the journal needs recovery"),)


def two_engines(engine: Engine = Engine.AUTO) -> tuple[Router, list[Engine]]:
    """A router whose direct engine reads one volume, and whose appliance reads both; and what was opened."""
    opened: list[Engine] = []
    both = {CLEAN: MemoryFilesystem({"/a": ""}), DIRTY: MemoryFilesystem({"/b": ""})}
    layout = Layout((Disk("/dev/sda", 1),), volumes=(CLEAN, DIRTY), unread=UNREAD)
    direct = MemorySession({CLEAN: both[CLEAN]}, layout, Engine.DIRECT)
    appliance = MemorySession(both, engine=Engine.APPLIANCE)

    def opener(session: MemorySession) -> Callable[[], Session]:
        def open_it() -> Session:
            opened.append(session.engine)
            return session

        return open_it

    return Router({Engine.DIRECT: opener(direct), Engine.APPLIANCE: opener(appliance)}, engine), opened


def test_what_direct_can_read_boots_nothing() -> None:
    router, opened = two_engines()
    assert router.mount([Mount("/", CLEAN)])["/"].lookup("/a")
    assert router.layout().volumes == (CLEAN, DIRTY)
    assert opened == [Engine.DIRECT]
    assert router.declined == ()


def test_one_volume_that_direct_declines_sends_all_of_them_to_the_appliance() -> None:
    router, opened = two_engines()
    mounted = router.mount([Mount("/", CLEAN), Mount("/var", DIRTY)])
    assert mounted["/var"].lookup("/b")
    assert opened == [Engine.DIRECT, Engine.APPLIANCE]
    assert [reason.what for reason in router.declined] == ["/dev/sda2"]


def test_once_the_appliance_is_up_it_answers_everything() -> None:
    router, opened = two_engines()
    router.layout(complete=True)
    router.mount([Mount("/", CLEAN)])
    assert router.served_by is Engine.APPLIANCE
    assert opened == [Engine.DIRECT, Engine.APPLIANCE]


def test_the_engine_a_user_insists_on_is_not_exchanged() -> None:
    router, opened = two_engines(Engine.DIRECT)
    assert router.layout(complete=True).unread == UNREAD
    with pytest.raises(EngineFailed, match="the direct engine cannot read /dev/sda2") as caught:
        router.mount([Mount("/", DIRTY)])
    assert "--engine" in caught.value.hint
    assert opened == [Engine.DIRECT]


def test_a_direct_engine_that_is_not_installed_leaves_the_appliance() -> None:
    router, opened = two_engines()

    def missing() -> Session:
        raise ToolMissing("qemu-nbd is not installed")

    router._openers[Engine.DIRECT] = missing
    assert router.mount([Mount("/", CLEAN)])
    assert opened == [Engine.APPLIANCE]
    assert router.declined[0].reason == "qemu-nbd is not installed"


def test_closing_closes_what_was_opened() -> None:
    router, _ = two_engines()
    router.mount([Mount("/", DIRTY)])
    sessions = list(router._sessions.values())
    router.close()
    assert all(session.closed for session in sessions if isinstance(session, MemorySession))
    assert len(sessions) == 2


def test_what_is_damaged_boots_nothing() -> None:
    """No kernel mounts it either."""
    broken = Declined("/dev/sda2", "its root is a file, not a directory", damaged=True)
    opened: list[Engine] = []

    class Broken(MemorySession):
        def mount(self, volume: Volume, options: str = "") -> MemoryFilesystem | Declined:
            return broken

    def direct() -> Session:
        opened.append(Engine.DIRECT)
        return Broken({}, engine=Engine.DIRECT)

    def appliance() -> Session:
        raise AssertionError("booted")

    router = Router({Engine.DIRECT: direct, Engine.APPLIANCE: appliance})
    with pytest.raises(OddGuest, match="/dev/sda2 cannot be read: its root is a file"):
        router.mount([Mount("/", DIRTY)])
    assert router.try_usage(DIRTY) == broken


def test_numbers_that_cannot_be_read_are_an_answer() -> None:
    class Lost(MemoryFilesystem):
        def usage(self) -> Usage:
            raise BadImage("the filesystem names byte 9")

    router = Router({Engine.DIRECT: lambda: MemorySession({CLEAN: Lost({})}, engine=Engine.DIRECT)})
    assert router.try_usage(CLEAN) == Declined("/dev/sda1", "the filesystem names byte 9", damaged=True)
