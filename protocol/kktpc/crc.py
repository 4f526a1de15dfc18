"""The checksum of a KKT-PC v3 frame (KKT-PC 1.1)."""

from fastcrc import crc8 as _crc8


def crc8(data: bytes) -> int:
    """Return the CRC-8: polynomial 0x31, initial value 0xFF, no reflection, no final XOR."""
    return _crc8.nrsc_5(data)
