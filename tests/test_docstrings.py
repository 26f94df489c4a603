"""What faces offer says what it takes, returns and raises: read from the sources, without importing them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "edge_edet": "edge_edet",
    "devices": "edge_edet.devices",
    "benchmarks": "edge_edet.benchmarks",
    "converters": "edge_edet.converters",
    "studies": "edge_edet.studies",
}
HEAD = re.compile(r"^(\w+)\n-{3,}$", re.MULTILINE)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Public = dict[str, ast.ClassDef | Function]


@functools.cache
def module(name: str) -> ast.Module | None:
    """The parsed source of a module or package of ours; None for another one."""
    for part, start in sorted(FOLDERS.items(), key=lambda item: -len(item[1])):
        if name == start or name.startswith(f"{start}."):
            path = ROOT.joinpath(part, *name[len(start) + 1 :].split("."))
            for file in (path / "__init__.py", path.with_suffix(".py")):
                if file.is_file():
                    return ast.parse(file.read_text("utf-8"))
    return None


def faces() -> Iterator[str]:
    """Full names of all packages."""
    for part, start in FOLDERS.items():
        for path in sorted((ROOT / part).rglob("__init__.py")):
            yield ".".join([start, *path.parent.relative_to(ROOT / part).parts])


def offered(tree: ast.Module) -> list[str]:
    """The names of `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [ast.literal_eval(one) for one in getattr(node.value, "elts", ())]
    return []


def defined(where: str, name: str) -> tuple[str, ast.ClassDef | Function] | None:
    """Where a class or function that a module has is defined; None for data and for other packages' names."""
    tree = module(where)
    if tree is None:
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function) and node.name == name:
            return where, node
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module not in (None, where):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return defined(str(node.module), alias.name)
    return None


@functools.cache
def public() -> Public:
    """Every class and function that a face offers, and public methods of these classes."""
    found: Public = {}
    for face in faces():
        tree = module(face)
        for name in offered(tree) if tree else ():
            if (place := defined(face, name)) is None:
                continue
            where, node = place
            found[f"{where}.{node.name}"] = node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, Function) and is_public(inner):
                    found[f"{where}.{node.name}.{inner.name}"] = inner
    return found


def is_public(node: Function) -> bool:
    return not node.name.startswith("_") and "overload" not in decorators(node)


def decorators(node: ast.ClassDef | Function) -> list[str]:
    return [ast.unparse(one) for one in node.decorator_list]


def sections(node: ast.ClassDef | Function) -> dict[str, str]:
    """Title -> text of the sections of a numpy docstring."""
    parts = HEAD.split(ast.get_docstring(node) or "")
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(text: str) -> set[str]:
    """The names that a section of parameters describes; `a, b` share a description, `a : int` has a type."""
    lines = [line for line in text.splitlines() if line and not line.startswith(" ")]
    names = [name for line in lines for name in line.partition(" : ")[0].split(",")]
    return {name.strip().lstrip("*") for name in names}


def parameters(node: Function, *, method: bool) -> set[str]:
    given = node.args
    names = [one.arg for one in (*given.posonlyargs, *given.args)]
    if method and "staticmethod" not in decorators(node):
        names = names[1:]
    names += [one.arg for one in given.kwonlyargs]
    names += [one.arg for one in (given.vararg, given.kwarg) if one]
    return {name for name in names if not name.startswith("_")}


def own_raises(node: Function) -> bool:
    """Whether the function itself, not one inside of it, raises something new."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Raise) and one.exc is not None:
            return True
        if not isinstance(one, ast.ClassDef | Function | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(one))
    return False


def lacks(node: ast.ClassDef | Function, *, method: bool = False) -> list[str]:
    """What its docstring does not say."""
    told = sections(node)
    if isinstance(node, ast.ClassDef):
        return (
            [] if not fields(node) or {"Parameters", "Attributes"} & set(told) else ["Attributes"]
        )
    missing = []
    wanted = parameters(node, method=method)
    is_property = any("property" in one or one.endswith(".setter") for one in decorators(node))
    if not is_property and described(told.get("Parameters", "")) != wanted:
        missing.append("Parameters")
    answer = ast.unparse(node.returns) if node.returns else "None"
    if (
        not is_property
        and answer not in ("None", "NoReturn")
        and not {"Returns", "Yields"} & set(told)
    ):
        missing.append("Returns")
    if own_raises(node) and "Raises" not in told:
        missing.append("Raises")
    return missing


def fields(node: ast.ClassDef) -> set[str]:
    """What makes an object: the arguments of `__init__`, or the fields of a dataclass."""
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            return parameters(inner, method=True)
    if not any("dataclass" in one for one in decorators(node)):
        return set()
    names = [ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)]
    return {name for name in names if not name.startswith("_")}


def test_what_faces_offer_is_found() -> None:
    assert len(public()) > 900
    assert {"edge_edet.manifest.Manifest.to_dict", "edge_edet.devices.remote.hosts.Host"} < set(
        public()
    )


@pytest.mark.parametrize("part", FOLDERS)
def test_everything_public_says_what_it_takes_returns_and_raises(part: str) -> None:
    found = {
        name: missing
        for name, node in public().items()
        if (folder_of(name) == part)
        and (missing := lacks(node, method=name.rpartition(".")[0] in public()))
    }
    assert found == {}


def folder_of(name: str) -> str:
    second = name.split(".")[1]
    return second if second in FOLDERS else "edge_edet"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            'def f(a, b):\n    """Do.\n\n    Parameters\n    ----------\n    a, b\n        Both.\n    """',
            [],
        ),
        ('def f(a):\n    """Do."""', ["Parameters"]),
        (
            'def f(a):\n    """Do.\n\n    Parameters\n    ----------\n    b\n        Gone.\n    """',
            ["Parameters"],
        ),
        ('def f() -> int:\n    """Do."""', ["Returns"]),
        ('def f():\n    """Do."""\n    raise ValueError', ["Raises"]),
        ('@property\ndef f(self) -> int:\n    """Do."""', []),
        ('@dataclass\nclass A:\n    """A thing."""\n    a: int', ["Attributes"]),
        ('class A:\n    """A thing."""\n    def __init__(self, a): ...', ["Attributes"]),
    ],
)
def test_what_is_missing_is_seen(source: str, expected: list[str]) -> None:
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.ClassDef | Function)
    assert lacks(node) == expected
