"""Protocol buffers in text form: what the format's specification allows, and one line for the rest."""

from __future__ import annotations

import math

import pytest

from edge_edet.converters.checkpoints.tensorflow.text_protobuf import MAX_TEXT_BYTES, parse_text
from edge_edet.errors import CheckpointError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 3", [3]),
        ("a: 3 a: 4", [3, 4]),
        ("a: [3, 4.5]; # more\na: .5", [3, 4.5, 0.5]),
        ("a: 1e-3, a: -2.f", [1e-3, -2.0]),
        ("a: 0x1F", [31.0]),
        ("a: -inf", [-math.inf]),
        ("a: []", []),
        ("a: true a: SWISH", [True, "SWISH"]),
        ("a: 'it''s' \" \\\"b\\\"\"", ['its "b"']),
        ("\ufeffa: '#}'", ["#}"]),
    ],
)
def test_values(text, value):
    assert parse_text(text.encode()).fields["a"] == value


def test_messages():
    message = parse_text(b"a { b < c: 1 > } a: { b { c: 2 }; }\nd [{ e: 1 }, <e: 2>]")
    assert [part.message("b").number("c", 0) for part in message.fields["a"]] == [1, 2]
    assert [part.number("e", 0) for part in message.fields["d"]] == [1, 2]
    assert message.message("absent").message("more").flag("x", True) is True
    with pytest.raises(CheckpointError, match="has a 2 times: expected it once"):
        message.message("a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "line 1 has 'its end', expected ':' or '{'"),
        ("a:\n\n}", "line 3 has '}', expected a value"),
        ("a {", "line 1 has 'its end', expected the name of a field"),
        ("a: [1 2]", "has '2', expected ',' or ']'"),
        ("a: [1", "has 'its end', expected ',' or ']'"),
        ("a: 'open", 'line 1 has "\'open"'),
        ("{", "has '{', expected the name"),
        ("a <}", "has '}', expected the name"),
        ("a: 1 /", "line 1 has '/'"),
    ],
)
def test_what_is_no_text_protobuf(text, message):
    with pytest.raises(CheckpointError, match="is not a text protobuf") as caught:
        parse_text(text.encode())
    assert message in str(caught.value)


def test_limits():
    for data, message in (
        (b"a {" * 40, "nests its messages more than 32 deep"),
        (b" " * (MAX_TEXT_BYTES + 1), f"the limit is {MAX_TEXT_BYTES}"),
        (b"\xff", "is not UTF-8"),
    ):
        with pytest.raises(CheckpointError, match=message):
            parse_text(data)
    big = parse_text(b"a: " + b"9" * 5000)
    with pytest.raises(CheckpointError, match="expected a finite number"):
        big.number("a", 0)
