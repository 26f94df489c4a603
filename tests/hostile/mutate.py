"""Seeded damage to a file's bytes: what transfers, editors, tools and people do to files."""

from __future__ import annotations

import random

EXTREMES = (0, 1, 2, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 2)
WORDS = (
    b"NaN",
    b"-1",
    b"0",
    b"1e309",
    b"9" * 400,
    b"\x1b[31m",
    b"null",
    b"[" * 500,
    b'"',
    b"\\",
    b"../../x",
    b"/etc/hostname",
    b"\xff\xfe",
    b"\xc3",
    b"%00",
    b"&x;",
    b"*a",
    b": ",
    b"\n\n",
    b"{}",
)


def mutated(data: bytes, seed: int, text: bool) -> bytes:
    """One to three changes, the same for the same seed; text: by lines and words too."""
    rng = random.Random(seed)
    kinds = [_flip, _cut, _drop, _repeat, _number, _noise]
    if text:
        kinds = [_flip, _cut, _word, _word, _word, _swap_lines, _drop_line, _repeat]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(kinds)(bytearray(data), rng)
    return bytes(data)


def _flip(data: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 1, 4, 16)) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _cut(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def _drop(data: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(data) + 1)
    del data[first : first + rng.choice((1, 4, 64, 1024))]
    return data


def _repeat(data: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(data) + 1)
    part = data[first : first + rng.choice((1, 16, 256, 4096))]
    return data[:first] + part * rng.choice((2, 3, 10)) + data[first:]


def _number(data: bytearray, rng: random.Random) -> bytearray:
    if len(data) < 8:
        return data
    width = rng.choice((1, 2, 4, 8))
    first = rng.randrange(len(data) - width + 1)
    if rng.random() < 0.7:
        first -= first % width
    value = rng.choice(EXTREMES) % 2 ** (8 * width)
    data[first : first + width] = value.to_bytes(width, rng.choice(("little", "big")))
    return data


def _noise(data: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(data) + 1)
    data[first : first + rng.choice((1, 8, 200))] = rng.randbytes(rng.choice((0, 8, 200)))
    return data


def _word(data: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(data) + 1)
    data[first : first + rng.choice((0, 1, 3, 10))] = rng.choice(WORDS)
    return data


def _swap_lines(data: bytearray, rng: random.Random) -> bytearray:
    lines = bytes(data).split(b"\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return bytearray(b"\n".join(lines))


def _drop_line(data: bytearray, rng: random.Random) -> bytearray:
    lines = bytes(data).split(b"\n")
    del lines[rng.randrange(len(lines))]
    return bytearray(b"\n".join(lines))
