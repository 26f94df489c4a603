"""Pages lead somewhere: their links, the files and modules that they name, the site's contents."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

import edge_edet
from edge_edet.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.rglob("*.md")),
]
GENERATED = {DOCS / "reference" / "cli.md"}  # by docs/site/hooks.py when the site is built
FOLDERS = ("edge_edet", "devices", "benchmarks", "converters", "studies", "tests", "docs")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)}|examples)/[\w./-]*\w/?)`")
MODULE = re.compile(r"(?<![\w./])edge_edet(?:\.\w+)+")

each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


@each_page
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    local = [page.parent / target for target in targets if "://" not in target]
    gone = [path for path in local if not path.exists() and path.resolve() not in GENERATED]
    assert gone == []


@each_page
def test_files_that_it_names_exist(page: Path) -> None:
    named = PATH.findall(page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@each_page
def test_modules_that_it_names_exist(page: Path) -> None:
    for name in MODULE.findall(page.read_text("utf-8")):
        assert exists(name), name


def exists(name: str) -> bool:
    """Whether it is a module, or an attribute of one."""
    for cut in range(name.count(".") + 1):
        module, _, rest = name, "", name.split(".")[name.count(".") + 1 - cut :]
        if cut:
            module = name.rsplit(".", cut)[0]
        try:
            value = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for part in rest:
            if not hasattr(value, part):
                fields = getattr(value, "__dataclass_fields__", {})
                return part in fields
            value = getattr(value, part)
        return True
    return False


def test_the_site_holds_every_page() -> None:
    text = re.sub(r"!!python/\S+", "", (ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = set(re.findall(r"[\w/.-]+\.md", yaml.dump(yaml.safe_load(text)["nav"])))
    ours = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert pages == ours | {page.relative_to(DOCS).as_posix() for page in GENERATED}


def test_the_api_page_has_every_public_name() -> None:
    page = (DOCS / "reference" / "api.md").read_text("utf-8")
    shown = set(re.findall(r"^::: edge_edet\.(?:converters\.)?(\w+)$", page, re.MULTILINE))
    assert shown == set(edge_edet.__all__) - {"__version__"}


def test_the_generated_page_has_every_command() -> None:
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "site" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    assert re.findall(r"^## (.+)$", hooks.cli_page(), re.MULTILINE) == list(COMMANDS)


def test_a_word_of_the_glossary_has_one_meaning() -> None:
    words = re.findall(
        r"^\| \*\*(.+?)\*\* \|", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(words) > 40
    assert len(words) == len(set(words))
    assert words == sorted(words, key=str.lower)


def test_decisions_have_a_number_each() -> None:
    pages = sorted(page.name for page in (DOCS / "decisions").glob("[0-9]*.md"))
    numbers = [int(name[:4]) for name in pages]
    assert numbers == sorted(set(numbers))
    index = (DOCS / "decisions" / "README.md").read_text("utf-8")
    for name in pages:
        text = (DOCS / "decisions" / name).read_text("utf-8")
        assert f"({name})" in index
        heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
        parts = ["Context", "Options", "Decision", "Consequences"]
        assert [head for head in heads if head in parts] == parts, name
