"""The map of the code: who may import whom, faces, circles, sizes, and what importing edge-edet loads."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# In their order: a folder imports those above it, never one below, wherever the import stands.
FOLDERS = {
    "edge_edet": "edge_edet",
    "devices": "edge_edet.devices",
    "benchmarks": "edge_edet.benchmarks",
    "converters": "edge_edet.converters",
    "studies": "edge_edet.studies",
}
ORDER = list(FOLDERS)
MOST_MODULES = 12  # that lie flat in one package

CORE_PACKAGES = {"numpy", "PIL"}
# third-party packages that a folder's modules may import when they are imported themselves
ALLOWED_PACKAGES = {
    "edge_edet": CORE_PACKAGES,
    "devices": CORE_PACKAGES,
    "benchmarks": CORE_PACKAGES,
    "converters": CORE_PACKAGES | {"ai_edge_litert", "flatbuffers", "onnx", "openvino"},
    "studies": CORE_PACKAGES,
}
# modules of an optional extra, which are imported when it is used
OF_EXTRAS = {"edge_edet.video.decoding": {"av"}, "edge_edet.video.writing": {"av"}}
# files that stand outside the rule, each with its reason
EXEMPT = {
    "benchmarks/test_": "pytest-benchmark runs them; they import pytest",
    "benchmarks/conftest.py": "likewise",
}


@functools.cache
def modules() -> dict[str, Path]:
    """Full name -> file of every module and every package's __init__."""
    found = {}
    for folder, name in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.relative_to(ROOT).as_posix().startswith(tuple(EXEMPT)):
                continue
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([name, *(p for p in inner if p != "__init__")])] = path
    return found


def folder_of(module: str) -> str:
    """The top-level folder of a module, by its full name."""
    part = module.split(".")[1:2]
    return part[0] if part and part[0] in FOLDERS else "edge_edet"


def package_of(module: str) -> str:
    """The package that a module lies in; a package is its own."""
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


def all_imports(source: str) -> Iterator[tuple[str, str | None]]:
    """(module, name) of every import statement, also in functions and for type checkers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from ((node.module or "", alias.name) for alias in node.names)


def own_imports(source: str) -> Iterator[str]:
    """The modules of the package that the source imports, by full name."""
    for module, name in all_imports(source):
        full = f"{module}.{name}"
        if full in modules():
            yield full
        elif module in modules():
            yield module
        else:
            assert module.partition(".")[0] != "edge_edet", f"{module} does not exist"


def top_level_imports(source: str) -> Iterator[str]:
    """Full names that a module imports when it is imported itself, not in functions."""
    pending: list[ast.AST] = list(ast.parse(source).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


@functools.cache
def graph() -> dict[str, set[str]]:
    """Module -> modules that it imports anywhere."""
    return {
        name: set(own_imports(path.read_text("utf-8"))) - {name} for name, path in modules().items()
    }


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


def test_walker_sees_lazy_imports_and_those_for_types() -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from edge_edet.manifest import Manifest\n"
        "def f():\n    from edge_edet.detection import load\n"
    )
    assert set(own_imports(source)) == {"edge_edet.manifest", "edge_edet.detection"}


@pytest.mark.parametrize("name", modules())
def test_imports_point_down_the_order_of_the_folders(name: str) -> None:
    rank = ORDER.index(folder_of(name))
    for other in graph()[name]:
        assert ORDER.index(folder_of(other)) <= rank, f"{name} must not import {other}"


@pytest.mark.parametrize("name", modules())
def test_nothing_is_imported_past_a_face(name: str) -> None:
    for other in graph()[name]:
        package = package_of(other)
        inside = package in FOLDERS.values() or f"{name}.".startswith(f"{package}.")
        assert other == package or inside, f"{name}: import from {package}, not from {other}"


def test_only_studies_import_the_studies() -> None:
    for name, others in graph().items():
        if folder_of(name) != "studies":
            assert not {other for other in others if folder_of(other) == "studies"}, name


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that can all reach each other."""
    reach = {node: set(targets) for node, targets in arrows.items()}
    for middle in arrows:  # Warshall's transitive closure
        for targets in reach.values():
            if middle in targets:
                targets |= reach[middle]
    groups = {
        tuple(sorted(b for b in arrows if b in reach[a] and a in reach[b]))
        for a in arrows
        if a in reach[a]
    }
    return [list(group) for group in sorted(groups)]


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("package", sorted({package_of(name) for name in modules()}))
def test_no_circle_between_the_parts_of_a_package(package: str) -> None:
    """Of modules and sub-packages alike, at every level: lazy imports counted."""
    arrows: dict[str, set[str]] = defaultdict(set)

    def part(name: str) -> str | None:
        inner = name.removeprefix(f"{package}.")
        return None if inner == name else inner.partition(".")[0]

    for name, others in graph().items():
        own = part(name)
        if own is not None:
            arrows[own] |= {p for p in map(part, others) if p is not None and p != own}
    for targets in list(arrows.values()):
        for target in targets:
            arrows.setdefault(target, set())
    assert circles(arrows) == []


def test_no_package_is_flat() -> None:
    counts: dict[str, int] = defaultdict(int)
    for path in modules().values():
        if path.name != "__init__.py":
            counts[path.parent.relative_to(ROOT).as_posix()] += 1
    assert {folder: n for folder, n in counts.items() if n > MOST_MODULES} == {}


@pytest.mark.parametrize("name", modules())
def test_heavy_packages_are_imported_where_they_are_needed(name: str) -> None:
    folder = folder_of(name)
    for imported in top_level_imports(modules()[name].read_text("utf-8")):
        package = imported.partition(".")[0]
        assert package not in ORDER[1:], f"import {imported} as edge_edet.{imported}"
        if package != "edge_edet" and package not in sys.stdlib_module_names:
            allowed = ALLOWED_PACKAGES[folder] | OF_EXTRAS.get(name, set())
            assert package in allowed, f"{name} must not import {imported} at top level"


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


@pytest.mark.parametrize("name", modules())
def test_all_names_exist(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    assert [entry for entry in exported if not hasattr(module, entry)] == []


def test_a_clone_finds_all_its_folders_without_being_installed() -> None:
    """As after `pip install .`: Python started in the clone takes its edge_edet/, not the installed one."""
    code = (
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f)]; "
        f"import importlib; [importlib.import_module(name) for name in {list(FOLDERS.values())}]; "
        "import edge_edet; print(edge_edet.convert.__module__)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert output.startswith("edge_edet.converters.")
