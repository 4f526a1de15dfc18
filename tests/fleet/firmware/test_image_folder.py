"""The folder of images: what is taken, what is refused, and serving blocks."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fleet.firmware.image_folder import ImageFolder
from fleet.kit.config import FleetConfig, split_keys
from fleet.kit.errors import DomainError
from protocol.firmware import Image
from protocol.kktpc import firmware_commands
from protocol.platforms import Platform
from tests.fleet.firmware.folder import manifest_of, put_image
from tests.protocol.publisher import PUBLISHER, STRANGER, content_of, forge, publish, sign

CONTENT = content_of(2300)
IMAGE = publish(CONTENT)


@dataclass(frozen=True)
class Blocks:
    first: int
    last: int
    image_id: str = IMAGE.image_id


@pytest.fixture
def shelf(tmp_path: Path) -> ImageFolder:
    return ImageFolder(tmp_path, [PUBLISHER])


def served(shelf: ImageFolder, first: int = 0, last: int = 99) -> list[bytes]:
    return list(shelf.blocks(Blocks(first, last), Platform.V5_0))


def expected(first: int, last: int) -> list[bytes]:
    return [
        firmware_commands.block(Platform.V5_0, number, CONTENT[number * 256 : (number + 1) * 256])
        for number in range(first, last + 1)
    ]


def refused(shelf: ImageFolder, image: Image = IMAGE) -> str:
    with pytest.raises(DomainError) as error:
        shelf.check(image.model, image.version)
    return error.value.code


def test_valid_image_is_accepted(shelf: ImageFolder) -> None:
    put_image(shelf.folder, IMAGE, CONTENT)
    assert shelf.check(61, "5.9.1").image == IMAGE


@pytest.mark.parametrize(
    ("image", "content", "code"),
    [
        (IMAGE, CONTENT[:-1], "image_size_wrong"),
        (IMAGE, content_of(2300, seed=1), "image_hash_wrong"),
        (forge(IMAGE), CONTENT, "image_signature_wrong"),
        (replace(IMAGE, platform=Platform.V2_5), CONTENT, "image_signature_wrong"),
        (sign(replace(IMAGE, model=255)), CONTENT, "model_unknown"),
    ],
    ids=["size", "hash", "stranger", "changed", "model"],
)
def test_invalid_image_is_refused_with_its_reason(
    shelf: ImageFolder, image: Image, content: bytes, code: str
) -> None:
    put_image(shelf.folder, image, content)
    assert refused(shelf, image) == code


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"format": 2}, "format_newer"),
        ({"format": 0}, "manifest_broken"),
        ({"format": '"1"'}, "manifest_broken"),
        ({"colour": 1}, "manifest_broken"),
        ({"size": '"2300"'}, "manifest_broken"),
        ({"size": 0}, "manifest_broken"),
        ({"block_size": 100}, "manifest_broken"),
        ({"platform": '"6.0"'}, "manifest_broken"),
        ({"file": '"../5.9.1.bin"'}, "manifest_broken"),
        ({"file": '"missing.bin"'}, "image_file_not_found"),
        ({"published_at": '"yesterday"'}, "manifest_broken"),
        ({"signature": '"00"'}, "manifest_broken"),
        ({"model": 62}, "manifest_of_another"),
        ({"version": '"5.9.2"'}, "manifest_of_another"),
    ],
    ids=str,
)
def test_invalid_manifest_is_refused_with_its_reason(
    shelf: ImageFolder, other: dict[str, Any], code: str
) -> None:
    put_image(shelf.folder, IMAGE, CONTENT)
    (shelf.folder / "61" / "5.9.1.toml").write_text(manifest_of(IMAGE, **other), "utf-8")
    assert refused(shelf) == code


@pytest.mark.parametrize("text", [b"\xff\xfe", b"format = ", b"", b"format = 1\n" * 2])
def test_text_that_is_not_a_manifest_is_refused(shelf: ImageFolder, text: bytes) -> None:
    put_image(shelf.folder, IMAGE, CONTENT)
    (shelf.folder / "61" / "5.9.1.toml").write_bytes(text)
    assert refused(shelf) == "manifest_broken"


def test_missing_image_is_refused(shelf: ImageFolder) -> None:
    assert refused(shelf) == "manifest_not_found"
    assert served(shelf) == []


def test_blocks_are_served_unchanged_from_the_file(shelf: ImageFolder) -> None:
    put_image(shelf.folder, IMAGE, CONTENT)
    assert served(shelf) == expected(0, 8)
    assert served(shelf, 3, 5) == expected(3, 5)
    assert served(shelf, 8, 8) == expected(8, 8)
    assert served(shelf, 9, 12) == []


@pytest.mark.parametrize("image", [forge(IMAGE), replace(IMAGE, sha256=bytes(32))])
def test_invalid_image_serves_no_block(shelf: ImageFolder, image: Image) -> None:
    put_image(shelf.folder, image, CONTENT)
    assert served(shelf) == []


def test_folder_without_publishers_serves_nothing(tmp_path: Path) -> None:
    put_image(tmp_path, IMAGE, CONTENT)
    assert served(ImageFolder(tmp_path, [])) == []
    assert served(ImageFolder(tmp_path, [STRANGER])) == []


def test_changed_file_is_checked_again(shelf: ImageFolder) -> None:
    put_image(shelf.folder, IMAGE, CONTENT)
    assert served(shelf) == expected(0, 8)
    path = shelf.folder / "61" / "5.9.1.bin"
    path.write_bytes(content_of(2300, seed=1))
    os.utime(path, ns=(1, 1))
    assert served(shelf) == []
    path.unlink()
    assert served(shelf) == []
    path.write_bytes(CONTENT)
    assert served(shelf) == expected(0, 8)


def test_unchanged_file_is_hashed_once(shelf: ImageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    put_image(shelf.folder, IMAGE, CONTENT)
    hashed: list[Path] = []
    check_file = ImageFolder._check_file

    def counted(self: ImageFolder, path: Path, image: Image) -> None:
        hashed.append(path)
        check_file(self, path, image)

    monkeypatch.setattr(ImageFolder, "_check_file", counted)
    for first in range(9):
        served(shelf, first, first)
    assert len(hashed) == 1


def test_publisher_keys_are_read_from_the_configuration() -> None:
    keys = f" {PUBLISHER.hex()}, {STRANGER.hex()},"
    assert split_keys(keys) == (PUBLISHER, STRANGER)
    assert FleetConfig(firmware_keys=keys).publishers == (PUBLISHER, STRANGER)
    assert FleetConfig(firmware_keys="").publishers == ()
    with pytest.raises(ValueError, match="64 hex digits"):
        FleetConfig(firmware_keys="secret")
