"""The page docs/benchmarks.md, from results and facts."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.figures import Result, table

HEAD = "<!-- Made by `make bench`; run it again instead of editing. -->\n# Benchmarks\n"

HOW = """\
imgtools beside the tool that people use today, in one run on one machine, in turn, {rounds} rounds each.

- Times are of the whole process as the shell sees it: start, work, end. The median is shown, with half the distance
  between the slowest and the fastest run. A command of less than two seconds is run five times a round.
- Images are in the page cache, and libguestfs had built its appliance before.
- Both sides have the same environment; Python finds its compiled files, as where users run it. Emulation without KVM
  (TCG) is forced, because KVM was not usable here; where it is, the virt-* tools boot their appliance faster than
  here, and the ratios are smaller.
- Memory is the largest sum of the resident sets of all processes that a command started (qemu-nbd, the appliance's
  QEMU), looked at every 5 ms in one run more; of what takes more than ten seconds, four times a second while
  it is timed. Pages that processes share count twice.
"""


def write_page(
    results: Sequence[tuple[str, Result]],
    facts: Sequence[tuple[str, str]],
    rounds: int,
    parts_of_cat: Sequence[str] = (),
) -> str:
    """The whole page: how it was measured, where, one table for each group, and the commands."""
    parts = [
        HEAD,
        f"{HOW.format(rounds=rounds)}\nThe machine:\n",
        "\n".join(f"- {name}: {value}" for name, value in facts),
    ]
    for group in dict.fromkeys(group for group, _ in results):
        mine = [result for name, result in results if name == group]
        parts += [f"\n## {group}\n", table(mine), "", *_commands(mine)]
    parts += parts_of_cat
    met = sum(result.verdict == "met" for _, result in results)
    parts.append(f"\n{met} of {len(results)} goals met.")
    return "\n".join(parts) + "\n"


def _commands(results: Sequence[Result]) -> list[str]:
    lines = []
    for result in results:
        beside = f" beside `{_shown(result.peer_words)}`" if result.peer_words else ""
        lines.append(f"- {result.name}: `{_shown(result.ours_words)}`{beside}")
    return lines


def _shown(words: str) -> str:
    return words.replace("{image}", "IMAGE").replace("{output}", "NEW").replace("{folder}/", "")
