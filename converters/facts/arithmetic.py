"""Numbers, lists and sums in text, as configuration files write them: `[2 ** 0, 2 ** (1.0 / 3.0)]`.

zylo117 evaluates such texts as Python; here only arithmetic is evaluated.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

__all__ = ["evaluate"]

MAX_TEXT = 2000
MAX_POWER = 64
_BINARY: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def evaluate(text: str) -> object:
    """Evaluate an expression of numbers, lists and + - * / **.

    Returns
    -------
    int, float or list
        A number, or nested lists of numbers; tuples become lists.

    Raises
    ------
    ValueError
        For anything else, and for texts of over 2,000 characters.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"it has {len(text)} characters, at most {MAX_TEXT} are read")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, ZeroDivisionError, OverflowError, MemoryError) as error:
        raise ValueError(
            f"it is not a number or a list of numbers ({type(error).__name__})"
        ) from None


def _value(node: ast.expr) -> object:
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(part) for part in node.elts]
    return _number(node)


def _number(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        assert isinstance(node.value, int | float)
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _number(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _number(node.left), _number(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > MAX_POWER or abs(left) > 1e6):
            raise ValueError(f"a power of {right:g} is out of range")
        result = _BINARY[type(node.op)](left, right)
        if isinstance(result, complex):
            raise ValueError("a root of a negative number")
        return result
    raise ValueError("only numbers, lists and + - * / ** are read")
