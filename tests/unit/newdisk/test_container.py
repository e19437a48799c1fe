"""Images of containers: what is chosen, and every way in which one can be wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from imgtools.errors import BadSource, ManyPlatforms
from imgtools.newdisk.container import LARGEST_JSON, MOST_LAYERS, container_tree, looks_like_container
from tests.support.new_disks import layer


class Image:
    """An OCI layout that is made by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs" / "sha256" / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    def document(self, document: object, **fields: object) -> dict[str, Any]:
        return self.blob(json.dumps(document).encode()) | fields

    def manifest(self, name: str, **fields: object) -> dict[str, Any]:
        return self.document({"layers": [self.blob(layer([(name, b"x")]))]}, **fields)

    def index(self, *manifests: object) -> None:
        (self.folder / "index.json").write_text(json.dumps({"manifests": list(manifests)}))

    def files(self, **wanted: str) -> set[str]:
        scratch = self.folder.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        with container_tree(self.folder, scratch, **wanted) as tree:
            return set(tree.nodes) - {"/"}


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path / "image")


def named(name: str) -> dict[str, Any]:
    return {"annotations": {"org.opencontainers.image.ref.name": name}}


def on(os: str, architecture: str, **more: str) -> dict[str, Any]:
    return {"platform": {"os": os, "architecture": architecture, **more}}


@pytest.mark.parametrize(
    ("names", "found"),
    [(set(), False), ({"etc"}, False), ({"oci-layout"}, True), ({"manifest.json", "x"}, True)],
)
def test_what_looks_like_one(names: set[str], found: bool) -> None:
    assert looks_like_container(names) is found


def test_neither_index_nor_manifest(image: Image) -> None:
    with pytest.raises(BadSource, match="no image of a container"):
        image.files()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "no manifests where they should be"),
        ("{}", "no manifests"),
        ('{"manifests": [1]}', "no manifests"),
        ('{"manifests": []}', "no image in it"),
        ('{"manifests": [{}]}', "no digest"),
        ('{"manifests": [{"digest": "sha256:../../etc/passwd"}]}', "no digest"),
        ('{"manifests": [{"digest": "md5:00"}]}', "no digest"),
        (f'{{"manifests": [{{"digest": "sha256:{"0" * 64}"}}]}}', "no file blobs/sha256/000"),
        (" " * (LARGEST_JSON + 1), "has more than"),
    ],
)
def test_an_index_that_is_wrong(image: Image, text: str, said: str) -> None:
    (image.folder / "index.json").write_text(text)
    with pytest.raises(BadSource, match=said):
        image.files()


def test_a_blob_that_leads_out_of_the_folder(image: Image) -> None:
    outside = image.folder.parent / "outside"
    outside.write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    (image.folder / "blobs" / "sha256" / digest).symlink_to(outside)
    image.index({"digest": f"sha256:{digest}"})
    with pytest.raises(BadSource, match="no file blobs"):
        image.files()


def test_too_many_layers(image: Image) -> None:
    one = image.blob(layer([("a", b"x")]))
    image.index(image.document({"layers": [one] * (MOST_LAYERS + 1)}))
    with pytest.raises(BadSource, match=f"more than {MOST_LAYERS} layers"):
        image.files()


def test_indexes_in_each_other(image: Image) -> None:
    inner = image.manifest("deep")
    for _ in range(4):
        inner = image.document({"manifests": [inner]})
    image.index(inner)
    assert image.files() == {"/deep"}
    image.index(image.document({"manifests": [inner]}))
    with pytest.raises(BadSource, match="name each other"):
        image.files()


def test_one_is_chosen_by_its_name(image: Image) -> None:
    image.index(image.manifest("one", **named("repo:1")), image.manifest("two", **named("2")))
    assert image.files(ref="1") == image.files(ref="repo:1") == {"/one"}
    assert image.files(ref="2") == {"/two"}
    with pytest.raises(ManyPlatforms, match="several images: 2, repo:1"):
        image.files()
    with pytest.raises(BadSource, match="no image is named 3") as caught:
        image.files(ref="3")
    assert "2, repo:1" in caught.value.hint


def test_one_is_chosen_by_its_platform_and_attestations_are_none(image: Image) -> None:
    image.index(
        image.manifest("amd", **on("linux", "amd64")),
        image.manifest("arm", **on("linux", "arm", variant="v7")),
        image.manifest("signed", **on("unknown", "unknown")),
    )
    assert image.files(platform="linux/amd64") == image.files(platform="amd64") == {"/amd"}
    assert image.files(platform="linux/arm") == image.files(platform="linux/arm/v7") == {"/arm"}
    with pytest.raises(ManyPlatforms, match="several platforms: linux/amd64, linux/arm/v7"):
        image.files()
    with pytest.raises(BadSource, match="no image is for linux/am"):
        image.files(platform="linux/am")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "no list of images"),
        ([1], "no list of images"),
        ([{}], "names no layers"),
        ([{"Layers": [1]}], "names no layers"),
        ([{"Layers": ["none.tar"]}], "no file none.tar"),
        ([{"Layers": ["../../x"]}], "no file ../../x"),
    ],
)
def test_a_manifest_of_docker_that_is_wrong(image: Image, document: object, said: str) -> None:
    (image.folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(BadSource, match=said):
        image.files()


def test_docker_names_several(image: Image) -> None:
    (image.folder / "a.tar").write_bytes(layer([("a", b"x")]))
    images = [{"RepoTags": ["r:1"], "Layers": ["a.tar"]}, {"RepoTags": None, "Layers": []}]
    (image.folder / "manifest.json").write_text(json.dumps(images))
    assert image.files(ref="r:1") == {"/a"}
    with pytest.raises(ManyPlatforms, match="several images: r:1"):
        image.files()
    with pytest.raises(BadSource, match="no image is named x"):
        image.files(ref="x")
