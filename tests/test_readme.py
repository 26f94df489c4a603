"""What the README and the pages in docs/ say that people should type works as it stands there."""

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
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
MOST_WORDS = 900  # of the README
NOT_RUN = (  # need the network, labelled pictures, minutes, a board
    "edge-edet import-log",
    "edge-edet devices --check",
    "edge-edet devices --clean",
    "edge-edet weights pull",
    "edge-edet bench build/d0-int8.tflite --threads",
    "edge-edet bench --board rpi4 --host",
    "edge-edet compare",
    "edge-edet report",
    "edge-edet recommend before.jsonl",
    "edge-edet eval",
    "edge-edet live",
    "edge-edet convert --int8 d0 --max-drop",
)
OTHER_PROGRAMS = {
    "python3",
    "python3.11",
    "python",
    "scp",
    "ssh",
    "apt-get",
    "git",
    "nox",
    "pre-commit",
    "pytest",
    "rpicam-vid",
}
COLUMNS = 120  # of a line of text; tables and links may be longer


def blocks(page: Path, language: str) -> list[str]:
    """The texts of a page's code blocks in that language."""
    text = page.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shell_lines(page: Path) -> list[str]:
    """Lines of a page's shell blocks without comments; those that end in a backslash joined."""
    lines = [
        line.partition("#")[0].strip()
        for block in blocks(page, "sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [line for line in lines if line]


def commands(name: str) -> list[str]:
    """The calls of edge-edet on a page, and of its modules."""
    starts = ("edge-edet ", "python3 -m edge_edet.")
    return [line for line in shell_lines(ROOT / name) if line.startswith(starts)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the lines are run, in their order: what the README's lines read, its lines make."""
    folder = tmp_path_factory.mktemp("readme")
    smear = [sys.executable, "-m", "edge_edet.demo_picture", "pictures/1.png"]
    subprocess.run(smear, cwd=folder, check=True, capture_output=True)
    for line in commands("README.md") + commands("docs/how-to/commands.md"):
        if not line.startswith(NOT_RUN):
            run(line, folder)
    return folder


def run(line: str, folder: Path) -> str:
    program, *arguments = shlex.split(line)
    module = ["-m", "edge_edet"] if program == "edge-edet" else []
    result = subprocess.run(
        [sys.executable, *module, *arguments],
        cwd=folder,
        env=os.environ | {"EDGE_EDET_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, f"{line!r} gave {result.returncode}: {result.stderr}"
    return result.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_shell_line_is_known(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in shell_lines(page):
        words = shlex.split(line)
        while re.match(r"[A-Z_]+=", words[0]):  # a variable of this command
            words.pop(0)
        program, *arguments = words
        program = re.sub(r"^.*/bin/", "", program)  # of an environment
        if program == "make":
            assert re.search(rf"^{arguments[0]}:", makefile, re.MULTILINE), line
        elif program == "edge-edet":
            _, unknown = parser_for(arguments[0]).parse_known_args(arguments)
            assert unknown == [], line
        elif program == "pip":
            check_install(line)
        else:
            assert program in OTHER_PROGRAMS, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_extras_that_pages_name_exist(page: Path) -> None:
    check_install(page.read_text("utf-8"))


def check_install(text: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extras in re.findall(r"(?:edge-edet|'\.)\[([a-z,-]+)\]", text):
        assert set(extras.split(",")) <= set(project["optional-dependencies"]), extras


def test_every_command_is_shown() -> None:
    shown = {shlex.split(line)[1] for line in commands("docs/how-to/commands.md")}
    assert shown == set(COMMANDS)


def test_lines_run_in_their_order_and_the_python_after_them(folder: Path) -> None:
    (code,) = blocks(ROOT / "README.md", "python")
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    *cells, last = result.stdout.splitlines()
    assert cells, "the README's model finds nothing in the README's picture"
    assert all(re.fullmatch(r".+ [01]\.\d\d at -?\d+, -?\d+", line) for line in cells)
    assert last == f"({len(cells)}, 4) float32"
    assert (folder / "build" / "demo" / "smear.png").is_file()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) < MOST_WORDS


def test_the_version_is_one() -> None:
    import edge_edet

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert edge_edet.__version__ == project["version"]
    assert f"\n## {project['version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_text_lines_are_not_too_long() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    text = [line for line in lines if not line.startswith(("|", "!"))]
    assert [line for line in text if len(line) > COLUMNS] == []
