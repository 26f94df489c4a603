"""CRC-32C (Castagnoli) with numpy, the checksum of LevelDB tables and TensorFlow checkpoints.

A CRC is linear, so the data is cut into lanes whose registers advance side by side, by one byte at a time.
Then neighbouring lanes are joined: the left register is advanced over the length of the right lane.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

__all__ = ["crc32c", "unmask"]

_POLYNOMIAL = 0x82F63B78
_Registers = NDArray[np.uint32]


def _byte_table() -> _Registers:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_TABLE = _byte_table()


def _apply(tables: _Registers, registers: _Registers) -> _Registers:
    """Apply a linear operator, given as a table of 256 for each byte of the register: [4, 256]."""
    result: _Registers = tables[0][registers & 255]
    for place in range(1, 4):
        result = result ^ tables[place][(registers >> (8 * place)) & 255]
    return result


@functools.cache
def _zeros(doublings: int) -> _Registers:
    """Make the operator [4, 256] that advances a register over 2**doublings zero bytes."""
    if doublings == 0:
        bytes_of = np.arange(256, dtype=np.uint32)
        return np.stack([_TABLE, bytes_of, bytes_of << 8, bytes_of << 16])
    half = _zeros(doublings - 1)
    return _apply(half, half)


def crc32c(data: bytes | memoryview) -> int:
    """Compute the CRC-32C of data (RFC 3720, appendix B.4)."""
    size = max(16, 1 << (len(data) + 4 - 1).bit_length())
    padded = np.zeros(size, np.uint8)  # leading zeros leave a register of zero unchanged
    start = size - len(data)
    padded[start:] = np.frombuffer(data, np.uint8)
    if len(data) < 4:  # too short for the initial register
        register = 0xFFFFFFFF
        for byte in bytes(data):
            register = int(_TABLE[(register ^ byte) & 255]) ^ (register >> 8)
        return register ^ 0xFFFFFFFF
    padded[start : start + 4] ^= 255
    run = max(16, size >> 14)
    registers = np.zeros(size // run, np.uint32)
    for column in np.ascontiguousarray(padded.reshape(-1, run).T):
        registers = _TABLE[(registers ^ column) & 255] ^ (registers >> 8)
    doublings = run.bit_length() - 1
    while len(registers) > 1:
        registers = _apply(_zeros(doublings), registers[::2]) ^ registers[1::2]
        doublings += 1
    return int(registers[0]) ^ 0xFFFFFFFF


def unmask(masked: int) -> int:
    """Undo the masking with which LevelDB stores a CRC (leveldb/util/crc32c.h)."""
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF
