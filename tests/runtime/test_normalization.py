from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edge_edet import InputError
from edge_edet.pictures.normalization import Normalization, read_normalization

IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ("127.5", "127.5", ((127.5,) * 3, (127.5,) * 3)),
        (127.5, 127.5, ((127.5,) * 3, (127.5,) * 3)),
        ("123.675,116.28,103.53", "58.395, 57.12, 57.375", IMAGENET),
        ("0.485,0.456,0.406", "0.229,0.224,0.225", IMAGENET),  # torchvision's scale
        ((0.485, 0.456, 0.406), [0.229, 0.224, 0.225], IMAGENET),
        (np.float32([0.5]), np.float32([0.5]), ((127.5,) * 3, (127.5,) * 3)),
        (0, 1, ((0.0,) * 3, (1.0,) * 3)),  # values as they are
        ("0", "255", ((0.0,) * 3, (255.0,) * 3)),
        ("123.68,116.78,103.94", "1", ((123.68, 116.78, 103.94), (1.0,) * 3)),
        ("1", "0.5", ((255.0,) * 3, (127.5,) * 3)),
    ],
)
def test_read_on_the_scale_that_the_std_tells(mean: Any, std: Any, expected: Any) -> None:
    found = read_normalization(mean, std)
    assert found is not None
    np.testing.assert_allclose((found.mean, found.std), expected, rtol=1e-6)


def test_nothing_given_is_nothing() -> None:
    assert read_normalization(None, None) is None


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ("127.5", None, "--mean is given without --std"),
        (None, 1, "--std is given without --mean"),
        ("a", "1", r"--mean must be one number or three.*got 'a'"),
        ("", "1", r"--mean must be one number"),
        ("1,2", "1", r"--mean must be one number or three.*got '1,2'"),
        ("127.5", "1,2,3,4", r"--std must be one number or three"),
        ("127.5", "nan", r"--std must be one number or three"),
        (127.5, math.inf, r"--std must be one number or three"),
        (True, 1, r"--mean must be one number"),
        ({"a": 1}, 1, r"--mean must be one number"),
        ("127.5", "0", r"--std must be positive, but got 0"),
        ("127.5", "127.5,0,1", r"--std must be positive, but got 127.5,0,1"),
        ("127.5", "-1", r"--std must be positive"),
        ("-1", "127.5", r"--mean must be from 0 to 255, but got -1"),
        ("256", "127.5", r"--mean must be from 0 to 255, but got 256"),
        ("-0.1", "0.5", r"--mean must be from 0 to 255"),
        ("127.5", "0.5", r"--std 0.5 is on the 0-1 scale and --mean 127.5 is not"),
        ("0.485", "58", r"mix the 0-1 and the 0-255 scale"),
        ("123,116,103", "0.2,0.2,58", r"mix the 0-1 and the 0-255 scale"),
    ],
)
def test_refused_in_one_line(mean: Any, std: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_normalization(mean, std)
    assert "\n" not in str(error.value)


def test_written_as_an_option_takes_it() -> None:
    assert str(Normalization((127.5,) * 3, (1.0, 2.0, 3.0))) == "mean 127.5 std 1,2,3"
