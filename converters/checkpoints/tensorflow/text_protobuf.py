"""Read protocol buffers in text form, such as a pipeline.config, without their .proto files.

Grammar: protobuf.dev/reference/protobuf/textformat-spec: fields `name: value`, messages in braces or
angle brackets, lists in square ones, `#` comments, `,` or `;` between fields. Extensions are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from edge_edet.errors import CheckpointError

__all__ = ["MAX_TEXT_BYTES", "Message", "parse_text"]

MAX_TEXT_BYTES = 1 << 20  # the published ones have 5 kB
_MAX_DEPTH = 32
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<number>-?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?)|-(?:inf|infinity|nan))"""
    r"""|(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    r"""|(?P<mark>[{}<>\[\]:;,])"""
)
_CLOSING = {"{": "}", "<": ">"}
_Scalar = str | float | bool


class Message:
    """The fields of one message, read with their defaults; wrong types raise CheckpointError.

    Attributes
    ----------
    path
        How an error names it, such as `model.ssd`.
    fields
        All values of each field, in order.
    """

    def __init__(self, path: str = ""):
        self.path = path
        self.fields: dict[str, list[_Scalar | Message]] = {}

    def fail(self, name: str, value: object, expected: str) -> CheckpointError:
        """Make the error for a wrong value of a field.

        Parameters
        ----------
        name
            Of the field.
        value
            What it is.
        expected
            What it must be.

        Returns
        -------
        CheckpointError
            The error, to be raised by the caller.
        """
        shown = "a message" if isinstance(value, Message) else repr(value)[:60]
        return CheckpointError(f"has {self.place(name)} {shown}: expected {expected}")

    def place(self, name: str) -> str:
        """Return the path of a field, such as `model.ssd.num_classes`.

        Parameters
        ----------
        name
            Of the field.

        Returns
        -------
        str
            The path.
        """
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Check whether the field is there.

        Parameters
        ----------
        name
            Of the field.

        Returns
        -------
        bool
            Whether it is there.
        """
        return name in self.fields

    def message(self, name: str) -> Message:
        """Return the message in a field; an absent one is empty, so its fields have their defaults.

        Parameters
        ----------
        name
            Of the field.

        Returns
        -------
        Message
            The message.

        Raises
        ------
        CheckpointError
            Where it is no message.
        """
        value = self._only(name, Message(self.place(name)))
        if not isinstance(value, Message):
            raise self.fail(name, value, "a message in braces")
        return value

    def number(self, name: str, default: float) -> float:
        """Return the finite number in a field.

        Parameters
        ----------
        name
            Of the field.
        default
            Where the field is absent.

        Returns
        -------
        float
            The number.
        """
        return self._number(name, self._only(name, default))

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return all numbers of a repeated field.

        Parameters
        ----------
        name
            Of the field.

        Returns
        -------
        tuple[float, ...]
            In their order.
        """
        return tuple(self._number(name, value) for value in self.fields.get(name, ()))

    def flag(self, name: str, default: bool) -> bool:
        """Return the truth value in a field.

        Parameters
        ----------
        name
            Of the field.
        default
            Where the field is absent.

        Returns
        -------
        bool
            The value.

        Raises
        ------
        CheckpointError
            Where it is no truth value.
        """
        value = self._only(name, default)
        words = {"true": True, "t": True, "True": True, "false": False, "f": False, "False": False}
        if isinstance(value, str) and value in words:
            return words[value]
        if isinstance(value, bool) or value in (0, 1):
            return bool(value)
        raise self.fail(name, value, "true or false")

    def word(self, name: str, default: str) -> str:
        """Return the text or enum value in a field.

        Parameters
        ----------
        name
            Of the field.
        default
            Where the field is absent.

        Returns
        -------
        str
            The text.

        Raises
        ------
        CheckpointError
            Where it is no word.
        """
        value = self._only(name, default)
        if not isinstance(value, str):
            raise self.fail(name, value, "a word")
        return value

    def _only(self, name: str, default: _Scalar | Message) -> _Scalar | Message:
        values = self.fields.get(name, [default])
        if len(values) != 1:
            raise CheckpointError(f"has {self.place(name)} {len(values)} times: expected it once")
        return values[0]

    def _number(self, name: str, value: _Scalar | Message) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
        raise self.fail(name, value, "a finite number")


class _Tokens:
    def __init__(self, text: str):
        self.tokens = self._split(text)
        self.line = 1
        self.kind, self.text = "", ""
        self.advance()

    def _split(self, text: str) -> Iterator[tuple[str, str, int]]:
        position, line = 0, 1
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise CheckpointError(
                    f"is not a text protobuf: line {line} has {text[position : position + 20]!r}"
                )
            if match.lastgroup is not None:
                yield match.lastgroup, match.group(), line
            line += match.group().count("\n")
            position = match.end()
        yield "end", "its end", line

    def advance(self) -> str:
        """Move to the next token; returns the text of the one before."""
        text = self.text
        self.kind, self.text, self.line = next(self.tokens, ("end", "its end", self.line))
        return text

    def wrong(self, expected: str) -> CheckpointError:
        return CheckpointError(
            f"is not a text protobuf: line {self.line} has {self.text[:40]!r}, expected {expected}"
        )


def parse_text(data: bytes) -> Message:
    """Read a message.

    Parameters
    ----------
    data
        UTF-8.

    Returns
    -------
    Message
        The message.

    Raises
    ------
    CheckpointError
        For text that is no message, naming the line; for over 1 MiB, and for over 32 levels.
    """
    if len(data) > MAX_TEXT_BYTES:
        raise CheckpointError(f"has {len(data)} bytes: the limit is {MAX_TEXT_BYTES}")
    try:
        tokens = _Tokens(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CheckpointError("is not a text protobuf: it is not UTF-8") from None
    return _message(tokens, Message(), "", 0)


def _message(tokens: _Tokens, into: Message, closing: str, depth: int) -> Message:
    if depth > _MAX_DEPTH:
        raise CheckpointError(f"nests its messages more than {_MAX_DEPTH} deep")
    while tokens.text != closing if closing else tokens.kind != "end":
        if tokens.kind != "name":
            raise tokens.wrong("the name of a field")
        name = tokens.advance()
        colon = tokens.kind == "mark" and tokens.text == ":"
        if colon:
            tokens.advance()
        into.fields.setdefault(name, []).extend(_values(tokens, into.place(name), colon, depth))
        if tokens.kind == "mark" and tokens.text in ",;":
            tokens.advance()
    return into


def _values(tokens: _Tokens, path: str, colon: bool, depth: int) -> list[_Scalar | Message]:
    if tokens.kind == "mark" and tokens.text == "[":
        tokens.advance()
        values: list[_Scalar | Message] = []
        while tokens.text != "]":
            values.append(_value(tokens, path, True, depth))
            if tokens.text == ",":
                tokens.advance()
            elif tokens.text != "]":
                raise tokens.wrong("',' or ']'")
        tokens.advance()
        return values
    return [_value(tokens, path, colon, depth)]


def _value(tokens: _Tokens, path: str, colon: bool, depth: int) -> _Scalar | Message:
    if tokens.kind == "mark" and tokens.text in _CLOSING:
        closing = _CLOSING[tokens.advance()]
        message = _message(tokens, Message(path), closing, depth + 1)
        tokens.advance()
        return message
    if not colon:
        raise tokens.wrong("':' or '{'")
    if tokens.kind == "string":
        parts = []
        while tokens.kind == "string":  # adjacent strings are joined
            parts.append(re.sub(r"\\(.)", r"\1", tokens.advance()[1:-1]))
        return "".join(parts)
    if tokens.kind == "name":
        word = tokens.advance()
        return {"true": True, "false": False}.get(word, word)
    if tokens.kind == "number":
        return _number(tokens.advance().lower())
    raise tokens.wrong("a value")


def _number(text: str) -> float:
    if "0x" in text:
        return float(int(text, 16) if len(text) < 20 else math.inf)
    number = float(text if "inf" in text else text.removesuffix("f"))
    return int(number) if text.lstrip("-").isdigit() and abs(number) < 2**53 else number
