"""The long run of fuzzing: `make fuzz MINUTES=10`, or one target: ``python -m tests.fuzz --minutes 5 hive``.

atheris looks which bytes lead to new places in the code. Each target runs in a process of its own, with limits; what it
found worth keeping stays in build/fuzz/TARGET for the next run, and so does an input that ended badly.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "build" / "fuzz"
LONGEST = 30  # seconds of one question
MOST_MEMORY = 2048  # MiB
LARGEST = 1 << 20  # bytes of an input


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process; ends it."""
    import atheris

    with atheris.instrument_imports(include=["imgtools"]):
        from imgtools.errors import ImgtoolsError
        from tests.fuzz.targets import TARGETS
    (target,) = (one for one in TARGETS if one.name == name)
    corpus = FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)

    def ask(content: bytes) -> None:
        try:
            target.ask(content)
        except ImgtoolsError:
            return

    limits = [
        f"-timeout={LONGEST}",
        f"-rss_limit_mb={MOST_MEMORY}",
        f"-max_len={LARGEST}",
        "-print_final_stats=1",
    ]
    place = [f"-artifact_prefix={FOLDER}/{name}-", f"-max_total_time={seconds}"]
    atheris.Setup(["fuzz", str(corpus), *limits, *place], ask)
    atheris.Fuzz()


def main() -> int:
    """Fuzz what is named, else everything, for so many minutes in all."""
    from tests.fuzz.targets import TARGETS

    known = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(known)}; else all")
    parser.add_argument("--minutes", type=float, default=10.0, help="time for all of them together")
    parser.add_argument("--seconds", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - set(known):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    names = chosen.targets or known
    if chosen.seconds is not None:
        fuzz(names[0], chosen.seconds)
        return 0
    seconds = max(1, round(chosen.minutes * 60 / len(names)))
    faults = [name for name in names if not _run(name, seconds)]
    sys.stdout.write(f"faults: {', '.join(faults)}; the inputs are in {FOLDER}\n" if faults else "no fault\n")
    return 1 if faults else 0


def _run(name: str, seconds: int) -> bool:
    """Fuzz a target in a process of its own; say what became of it."""
    argv = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
    done = subprocess.run(
        argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, errors="replace", check=False
    )
    lines = done.stderr.splitlines()
    counted = [line.split()[-1] for line in lines if line.startswith("stat::number_of_executed_units")]
    sys.stdout.write(
        f"{name}: {counted[0] if counted else '?'} inputs in {seconds} s, exit code {done.returncode}\n"
    )
    if done.returncode:
        sys.stdout.write("\n".join([*done.stdout.splitlines()[-30:], *lines[-30:]]) + "\n")
    sys.stdout.flush()
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
