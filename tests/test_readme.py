"""What the README tells people to type works as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from edge_edet.cli import COMMANDS, parser_for

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
NOT_RUN = (  # need the network, labelled pictures, minutes, a board
    "edge-edet import-log",
    "edge-edet devices --check",
    "edge-edet devices --clean",
    "edge-edet weights pull",
    "edge-edet bench",
    "edge-edet compare",
    "edge-edet report",
    "edge-edet eval",
    "edge-edet convert --int8 d0 --max-drop",
)
COLUMNS = 110  # of a line of text; tables and links may be longer


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    lines = [
        line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()
    ]
    return [line for line in lines if line]


def commands() -> list[str]:
    return [line for line in shell_lines() if line.startswith("edge-edet ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's lines are run, in their order; `make demo` draws the smear."""
    folder = tmp_path_factory.mktemp("readme")
    for path in ("build/smear.png", "pictures/1.png"):
        smear = [sys.executable, "-m", "edge_edet.demo_picture", path]
        subprocess.run(smear, cwd=folder, check=True, capture_output=True)
    for line in commands():
        if not line.startswith(NOT_RUN):
            run(line, folder)
    return folder


def run(line: str, folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "edge_edet", *shlex.split(line)[1:]],
        cwd=folder,
        env=os.environ | {"EDGE_EDET_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, f"{line!r} gave {result.returncode}: {result.stderr}"
    return result.stdout


@pytest.mark.parametrize("line", shell_lines())
def test_every_shell_line_is_known(line: str) -> None:
    program, *arguments = shlex.split(line)
    if program == "make":
        makefile = (ROOT / "Makefile").read_text("utf-8")
        assert re.search(rf"^{arguments[0]}:", makefile, re.MULTILINE), line
    else:
        assert program == "edge-edet"
        _, unknown = parser_for(arguments[0]).parse_known_args(arguments)
        assert unknown == []


def test_every_command_is_shown() -> None:
    shown = {shlex.split(line)[1] for line in commands()}
    assert shown == set(COMMANDS)


def test_lines_run_in_their_order_and_the_python_after_them(folder: Path) -> None:
    (code,) = blocks("python")
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    *cells, last = result.stdout.splitlines()
    assert cells, "the README's model finds nothing in the README's picture"
    assert all(re.fullmatch(r".+ [01]\.\d\d at -?\d+, -?\d+", line) for line in cells)
    assert last == f"({len(cells)}, 4) float32"
    assert (folder / "build" / "demo" / "smear.png").is_file()


def test_links_lead_to_files() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    local = [target for target in targets if not target.startswith("https://")]
    assert [target for target in local if not (ROOT / target).is_file()] == []


def test_extras_that_it_names_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"edge-edet\[([a-z,-]+)\]", README)
    assert named
    for extras in named:
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_changelog_has_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"\n## {project['version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_text_lines_are_not_too_long() -> None:
    lines = [line for line in README.splitlines() if not line.startswith(("|", "!"))]
    assert [line for line in lines if len(line) > COLUMNS] == []
