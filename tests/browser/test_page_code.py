"""The pages' JavaScript and CSS are formatted, linted and type-checked, with pinned tools from npm.

`python tests/browser/test_page_code.py` formats them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "benchmarks" / "browser" / "page"
CONFIG = Path(__file__).with_name("javascript")
INSTALL = [
    "install",
    "--no-save",
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
]
TSC = [
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--noUnusedLocals", "--noImplicitReturns"),
    *("--target", "es2022", "--lib", "es2023,dom,dom.iterable"),
    *("--module", "esnext", "--moduleResolution", "bundler"),
]


def installed() -> Path:
    """The folder of the tools, in build/; npm fetches them once. Raises OSError or CalledProcessError."""
    digest = hashlib.sha256((CONFIG / "package.json").read_bytes()).hexdigest()[:12]
    folder = ROOT / "build" / f"javascript-{digest}"
    if not folder.is_dir():
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("no npm: apt-get install npm")
        new = folder.with_name(f"{folder.name}.{os.getpid()}")
        new.mkdir(parents=True)
        shutil.copy(CONFIG / "package.json", new)
        subprocess.run([npm, *INSTALL], cwd=new, check=True, capture_output=True, timeout=300)
        try:
            new.rename(folder)
        except OSError:  # another process was quicker
            shutil.rmtree(new)
    return folder / "node_modules" / ".bin"


def biome(tools: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        tools / "biome",
        "check",
        *more,
        "--error-on-warnings",
        f"--config-path={CONFIG}",
        PAGE,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def tools() -> Path:
    try:
        return installed()
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(f"npm cannot fetch the tools: {error}")
        pytest.skip(f"npm cannot fetch the tools: {error}")


def test_pages_are_formatted_and_have_no_lint(tools: Path) -> None:
    done = biome(tools)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_types_of_the_pages_fit(tools: Path) -> None:
    files = sorted(PAGE.glob("*.js"))
    command = [tools / "tsc", *TSC, *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_versions_are_exact() -> None:
    versions = json.loads((CONFIG / "package.json").read_text())["devDependencies"].values()
    assert all(version.replace(".", "").isdigit() for version in versions)


if __name__ == "__main__":
    print(biome(installed(), "--write").stderr)
