from __future__ import annotations

import contextlib
import random

import pytest
from flatbuffers import flexbuffers

from edge_edet import ModelFileError
from edge_edet.formats.flexbuffer import read_numbers


def written(**values: object) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in values.items():
            if isinstance(value, bool):
                builder.Bool(key, value)
            elif isinstance(value, int):
                builder.Int(key, value)
            elif isinstance(value, float):
                builder.Float(key, value)
            else:
                builder.String(key, value)
    return bytes(builder.Finish())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": 1},
        {"num_classes": 90, "use_regular_nms": False, "y_scale": 10.0, "max_detections": 10},
        {"small": -3, "two bytes": 300, "four": 70_000, "eight": -(2**40)},
        {"half": 0.5, "other": 0.1},
    ],
)
def test_reads_what_flatbuffers_writes(values: dict[str, float]) -> None:
    assert read_numbers(written(**values), "x") == pytest.approx(values)


def test_what_is_no_number_is_left_out() -> None:
    assert read_numbers(written(a=1, b="text"), "x") == {"a": 1}


def test_damaged_ones_are_refused_in_one_line() -> None:
    whole = written(num_classes=90, use_regular_nms=False, y_scale=10.0, name="text")
    rng = random.Random(0)
    for _ in range(2000):
        data = bytearray(whole[: rng.randrange(len(whole) + 1)])
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        with contextlib.suppress(ModelFileError):  # nothing else may come out
            read_numbers(bytes(data), "the options")
    with pytest.raises(
        ModelFileError, match=r"^the options are damaged: expected a FlexBuffer map$"
    ):
        read_numbers(whole[:-3], "the options")
