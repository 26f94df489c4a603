"""Who may import whom, and what importing edge-edet loads."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "edge_edet": "edge_edet",
    "converters": "edge_edet.converters",
    "devices": "edge_edet.devices",
    "benchmarks": "edge_edet.benchmarks",
}
OWN_PARTS = ("converters", "benchmarks", "devices")

# part -> the other parts that it may import at top level (all may import the core)
ALLOWED_PARTS = {
    "edge_edet": set(),
    "converters": set(),
    "devices": set(),
    "benchmarks": {"devices"},
}
CORE_PACKAGES = {"numpy", "PIL"}
ALLOWED_PACKAGES = {
    "edge_edet": CORE_PACKAGES,
    "converters": CORE_PACKAGES | {"ai_edge_litert", "flatbuffers", "onnx", "openvino"},
    "devices": CORE_PACKAGES,
    "benchmarks": CORE_PACKAGES,
}
# files that stand outside the rule, each with its reason
EXEMPT = {
    "benchmarks/test_": "pytest-benchmark runs them; they import pytest",
    "benchmarks/conftest.py": "likewise",
}


def modules() -> list[tuple[str, Path]]:
    """(part, file) of every module of the package."""
    return [
        (part, path)
        for part in FOLDERS
        for path in sorted((ROOT / part).rglob("*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(tuple(EXEMPT))
    ]


def module_names() -> list[str]:
    names = []
    for part, path in modules():
        inner = path.relative_to(ROOT / part).with_suffix("").parts
        parts = [FOLDERS[part], *(p for p in inner if p != "__init__")]
        names.append(".".join(parts))
    return names


def top_level_imports(source: str) -> Iterator[str]:
    """Full names that a module imports when it is imported itself, not in functions."""
    pending: list[ast.AST] = list(ast.parse(source).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            assert node.level == 0, "imports are written in full"
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy as np", ["numpy"]),
        ("from edge_edet import manifest", ["edge_edet.manifest"]),
        ("def f():\n    import tensorflow", []),
        ("class A:\n    import tensorflow", ["tensorflow"]),
        ("try:\n    import h5py\nexcept ImportError:\n    pass", ["h5py"]),
        ("if TYPE_CHECKING:\n    import h5py\nelse:\n    import json", ["json"]),
    ],
)
def test_walker_sees_what_is_imported_at_once(source: str, expected: list[str]) -> None:
    assert list(top_level_imports(source)) == expected


@pytest.mark.parametrize(("part", "path"), modules(), ids=module_names())
def test_imports_point_the_right_way(part: str, path: Path) -> None:
    for name in top_level_imports(path.read_text("utf-8")):
        package, _, rest = name.partition(".")
        assert package not in OWN_PARTS, f"import {name} as edge_edet.{name}"
        if package == "edge_edet":
            other = rest.partition(".")[0]
            known = other not in OWN_PARTS or other == part or other in ALLOWED_PARTS[part]
            assert known, f"{part} must not import {name}"
        elif package not in sys.stdlib_module_names:
            assert package in ALLOWED_PACKAGES[part], f"{part} must not import {name} at top level"


def test_importing_edge_edet_loads_only_numpy_and_pillow() -> None:
    code = (
        "import sys, json; before = set(sys.modules); import edge_edet; "
        "[getattr(edge_edet, name) for name in edge_edet.__all__]; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    loaded = {name.partition(".")[0] for name in json.loads(output)}
    allowed = CORE_PACKAGES | {"edge_edet"} | sys.stdlib_module_names
    assert not {name for name in loaded if name not in allowed and not name.startswith("_")}


def test_help_and_version_load_no_numpy() -> None:
    for option in ("--help", "--version"):
        code = (
            "import sys; from edge_edet.cli import main; status = main(sys.argv[1:]); "
            "sys.exit(status or 'numpy' in sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code, option], capture_output=True, check=True)


@pytest.mark.parametrize("name", module_names())
def test_all_names_exist(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    assert [entry for entry in exported if not hasattr(module, entry)] == []
