"""A folder of images, laid out as an administrator lays it out."""

from pathlib import Path

from protocol.firmware import Image


def manifest_of(image: Image, **other: object) -> str:
    """The manifest's text; ``other`` lines (values as TOML) replace or join those of the image."""
    lines: dict[str, object] = {
        "format": 1,
        "model": image.model,
        "platform": f'"{image.platform}"',
        "version": f'"{image.version}"',
        "file": f'"{image.version}.bin"',
        "size": image.size,
        "sha256": f'"{image.sha256.hex()}"',
        "signature": f'"{image.signature.hex()}"',
        "block_size": image.block_size,
        "published_at": "2026-02-01T00:00:00Z",
        **other,
    }
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def put_image(folder: Path, image: Image, content: bytes, **other: object) -> None:
    """Puts manifest and file into their places."""
    place = folder / str(image.model)
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{image.version}.toml").write_text(manifest_of(image, **other), "utf-8")
    (place / f"{image.version}.bin").write_bytes(content)
