"""Links of a guest that a program of the host follows: none leads out of the folder."""

from pathlib import Path

import pytest

from imgtools.change.mounted_folder.inside import InsideDraft
from tests.support.memory import link, memory_files

LINKS = {
    "plain": ("hostname", "hostname"),
    "absolute": ("/srv/name", "../srv/name"),
    "out": ("../../../../srv/name", "../srv/name"),
    "round": ("/srv/up/../etc/hostname", "hostname"),  # /srv/up is a link to /
    "lost": ("/srv/nothing", "../srv/nothing"),
    "lost-out": ("../../../../nothing", "../nothing"),
    "self": ("/etc/self", "self"),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_link_leads_where_it_does_in_the_guest(name: str, tmp_path: Path) -> None:
    files = memory_files(
        {"/etc/hostname": "a", "/srv/name": "b", "/srv/up": link("/")}
        | {f"/etc/{one}": link(target) for one, (target, _) in LINKS.items()}
    )
    assert InsideDraft(files, tmp_path).read_link(f"/etc/{name}") == LINKS[name][1]
