"""The frames that were seen on the wire: ``tests/data/kktpc_v3_frames.tsv``."""

import csv
from pathlib import Path
from typing import Final, NamedTuple

FILE: Final = Path(__file__).parents[1] / "data" / "kktpc_v3_frames.tsv"


class Vector(NamedTuple):
    """One frame: its bytes, its id and its unescaped data."""

    to_register: bool
    packet_id: int
    frame: bytes
    data: bytes


def _vector(row: dict[str, str]) -> Vector:
    return Vector(
        row["direction"] == "host_to_register",
        int(row["packet_id"], 16),
        bytes.fromhex(row["frame_hex"]),
        bytes.fromhex(row["unescaped_data_hex"]),
    )


with FILE.open(encoding="utf-8", newline="") as _file:
    VECTORS: Final = tuple(map(_vector, csv.DictReader(_file, delimiter="\t")))
