"""What `imgtools rescue` refuses before anything boots. What it does is in tests/integration/test_rescue.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import imgtools as door
from fixtures.cache import digest_of
from imgtools.errors import EngineFailed, HostError, ManyGuests, NoGuest, UnsupportedGuest, UsageError
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image


@pytest.mark.parametrize(
    ("fixture", "words", "error", "said"),
    [
        ("debian", (), UsageError, "there is no terminal for a shell"),
        ("debian", ("--write", "--yes"), UsageError, "there is no terminal for a shell"),
        ("debian", ("-c", "true", "--run", "SCRIPT"), UsageError, "--command and --run"),
        ("debian", ("-c", "true", "--write"), UsageError, "--yes keeps it"),
        ("debian", ("-c", "true", "--chroot", "--no-mount"), UsageError, "leave --no-mount away"),
        ("debian", ("-c", "true", "--memory", "16M"), UsageError, "256 or more"),
        ("debian", ("-c", "true", "--memory", "much"), UsageError, "not a size"),
        ("debian", ("--run", "/no/such/script"), HostError, "cannot read /no/such/script"),
        ("debian", ("-c", "true", "--attach", "/no/such/image"), HostError, "/no/such/image"),
        ("debian", ("-c", "true", "--engine", "direct"), EngineFailed, "leave --engine away"),
        ("blank", ("-c", "true"), NoGuest, "--no-mount"),
        ("multiboot", ("-c", "true"), ManyGuests, "choose one"),
        ("windows", ("-c", "dir", "--chroot"), UnsupportedGuest, "no /bin/sh"),
    ],
)
def test_what_cannot_be_is_one_line(
    fixture: str, words: tuple[str, ...], error: type[Exception], said: str, tmp_path: Path
) -> None:
    (tmp_path / "script").write_text("true\n")
    image = fixture_image(fixture)
    before = digest_of(image)
    given = [str(tmp_path / "script") if word == "SCRIPT" else word for word in words]
    ran = imgtools("rescue", image, *given, code=error.exit_code)  # type: ignore[attr-defined]
    assert said in ran.err and ran.out == "" and len(ran.err.splitlines()) <= 2
    assert digest_of(image) == before


def test_a_program_has_to_say_what_runs() -> None:
    with pytest.raises(UsageError, match="no terminal"):
        door.rescue(fixture_image("debian"))


def test_virt_rescue_is_told_its_name() -> None:
    assert "imgtools rescue" in imgtools("virt-rescue", code=2).err
