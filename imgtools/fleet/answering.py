"""What runs have in common: how an image is called, what its answer is, and what must not go over a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgtools.errors import EngineFailed, UsageError
from imgtools.fleet.work import Answer, Failure, OddAnswer, facts_of, failed, read_answer
from imgtools.records.many import Reason
from imgtools.records.request import ImageRequest

if TYPE_CHECKING:
    from imgtools.fleet.cluster import Done
    from imgtools.fleet.kind import Kind
    from imgtools.fleet.run import Image


def answer_of(done: Done[Any], kind: Kind) -> Answer:  # Any: what the task is about
    """Return the answer of a task that is done; where it is odd, or nobody could say, why."""
    if done.answered is None:
        failure = done.failure or Failure("EngineFailed", "it was not asked", "", EngineFailed.exit_code)
        return failed(failure)
    content, host = done.answered
    try:
        return read_answer(content, kind, host=host)
    except OddAnswer as odd:
        error = EngineFailed(f"its answer is odd: {odd}", hint="the image is damaged or hostile")
        return failed(facts_of(error), host=host)


def full_name(one: Image) -> str:
    """Return what an image is called in the database: the same from whatever folder it is named."""
    request = one.request
    if request is None or not request.disks or one.place:
        return one.name
    if request.domain:
        return f"domain:{request.domain}"
    first = request.disks[0]
    return first.name if first.uri else str(Path(first.host_path).absolute())


def in_order(reasons: Mapping[tuple[str, int], int]) -> tuple[Reason, ...]:
    """Return why images have no answer, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Reason(name, code, count) for (name, code), count in ordered)


def refuse_open_keys(scheduler: str, requests: Iterable[ImageRequest], *, secrets: bool = False) -> None:
    """Make sure that no key goes to a scheduler as it is.

    :param secrets: whether there is something besides the images' keys that nobody may read.
    :raises UsageError: it would.
    """
    if not scheduler or scheduler.startswith("tls://"):
        return
    if secrets or any(one.keys for one in requests):
        raise UsageError(
            f"{'secrets' if secrets else 'keys'} would go to {scheduler} as they are",
            hint="a scheduler at tls://... gets them encrypted; without --scheduler they stay on this host",
        )
