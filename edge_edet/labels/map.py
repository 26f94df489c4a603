"""TensorFlow's label maps, `item { id: 1 name: 'person' }`: protobuf's text format, this message only.

Source: object_detection/protos/string_int_label_map.proto, and protobuf's text format specification
for strings: pieces side by side are one, and what is not ASCII may stand as octal escapes of UTF-8.
"""

from __future__ import annotations

import re

from edge_edet.errors import ModelFileError

__all__ = ["BACKGROUND", "read_label_map"]

BACKGROUND = ("???", "background", "__background__", "_background_", "none_of_the_above")

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[\w.+/-]+|[{}<>:;,])"""
)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def read_label_map(text: str, what: str) -> dict[int, str]:
    """Parse a label map to id -> display name, or name where it has none; ids start at 1.

    Raises
    ------
    ModelFileError
        For a text that is no label map, an item without an id or a name, an id that appears twice, or
        an id below 1 (id 0 is allowed for the background, and left out).
    """
    items = _items(_tokens(text, what), what)
    names: dict[int, str] = {}
    for number, fields in enumerate(items, 1):
        ids, name = fields.get("id", ""), fields.get("display_name") or fields.get("name")
        if not re.fullmatch(r"\d{1,6}", ids) or not name:
            raise ModelFileError(
                f"{what}: item {number} has id {ids or 'none'!r} and name {name or 'none'!r}, "
                "expected both, as in item { id: 1 name: 'person' }"
            )
        key = int(ids)
        if key in names:
            raise ModelFileError(f"{what}: id {key} is there twice, {names[key]!r} and {name!r}")
        names[key] = name
    zero = names.pop(0, None)
    if zero is not None and zero.casefold() not in BACKGROUND:
        raise ModelFileError(f"{what}: id 0 is {zero!r}, but a label map's ids begin with 1")
    if not names:
        raise ModelFileError(f"{what} has no items")
    return names


def _tokens(text: str, what: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise ModelFileError(f"{what} line {line} is no label map: {text[at : at + 20]!r}")
        if match[1]:
            tokens.append(match[1])
        at = match.end()
    return tokens


def _items(tokens: list[str], what: str) -> list[dict[str, str]]:
    """Collect the fields of each item; what is nested in them (key points) is skipped."""
    items: list[dict[str, str]] = []
    depth, key, goes_on = 0, "", False
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token in ("{", "<"):
            depth += 1
            if depth == 1:
                if key != "item":
                    raise ModelFileError(f"{what} is no label map: expected 'item', found {key!r}")
                items.append({})
            key = ""
        elif token in ("}", ">"):
            depth -= 1
            key = ""
            if depth < 0:
                raise ModelFileError(f"{what} is no label map: a bracket closes that never opened")
        elif token in (":", ";", ","):
            goes_on = False
        elif token[0] not in "'\"" and following in (":", "{", "<"):
            key = token
        elif depth == 1 and key:
            value = _text(token, what) if token[0] in "'\"" else token
            before = items[-1].get(key, "") if goes_on else ""  # strings side by side are one
            items[-1][key], goes_on = before + value, token[0] in "'\""
    if depth:
        raise ModelFileError(f"{what} is no label map: it ends within an item")
    return items


def _text(token: str, what: str) -> str:
    def byte(match: re.Match[bytes]) -> bytes:
        if match[1] or match[2]:
            return bytes([int(match[1], 16) if match[1] else int(match[2], 8) & 255])
        return _LETTERS.get(match[3], match[3])

    try:
        return _ESCAPE.sub(byte, token[1:-1].encode()).decode()
    except UnicodeDecodeError:
        raise ModelFileError(f"{what}: {token[:40]} is no UTF-8 text") from None
