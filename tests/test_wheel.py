"""The wheel and the sdist as somebody else gets them: what is in, what is not, and that it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("edge_edet", "converters", "devices", "benchmarks")
PHOTOGRAPHS = (".jpg", ".jpeg")
DRAWN = (
    "bench_picture.jpg",
)  # by edge_edet/demo_picture.py: decoding is timed on a JPEG, as people have
TESTS = re.compile(r"/(test_[^/]*|conftest)\.py$")
NOT_SHIPPED = ("tests/", "shared/", ".venv/", "build/")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, f"{command} gave\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(sdist, wheel); the wheel is built from the sdist, so that this holds all it needs."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():  # not one that is deleted but not committed yet
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="session")
def wheel_names(built: tuple[Path, Path]) -> list[str]:
    return zipfile.ZipFile(built[1]).namelist()


def test_only_edge_edet_is_at_top_level(wheel_names: list[str]) -> None:
    top = {name.partition("/")[0] for name in wheel_names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"edge_edet"}


def test_wheel_has_every_module_and_data_file(wheel_names: list[str]) -> None:
    expected = {"edge_edet/py.typed"}
    for part in PARTS:
        for path in (ROOT / part).rglob("*"):
            is_data = (
                path.parent.name in ("assets", "published", "profiles", "target_profiles")
                and path.is_file()
            )
            if path.suffix == ".py" or (is_data and "__pycache__" not in path.parts):
                inner = path.relative_to(ROOT).as_posix()
                expected.add(inner if part == "edge_edet" else f"edge_edet/{inner}")
    missing = {name for name in expected - set(wheel_names) if not TESTS.search(name)}
    assert missing == set()


def test_wheel_has_the_licence(wheel_names: list[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)


@pytest.mark.parametrize("which", [0, 1], ids=["sdist", "wheel"])
def test_no_photographs_and_nothing_unasked(built: tuple[Path, Path], which: int) -> None:
    if which == 0:
        with tarfile.open(built[0]) as sdist:
            names = [name.partition("/")[2] for name in sdist.getnames()]
    else:
        names = zipfile.ZipFile(built[1]).namelist()
    photographs = [
        name for name in names if name.lower().endswith(PHOTOGRAPHS) and not name.endswith(DRAWN)
    ]
    assert photographs == []
    if which == 1:
        assert [name for name in names if name.startswith(NOT_SHIPPED) or "/test" in name] == []


def test_wheel_runs_in_a_fresh_environment(built: tuple[Path, Path], tmp_path: Path) -> None:
    """With numpy and Pillow alone: no extra is needed for what does not use one."""
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    bin_folder = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    constraints = ROOT / "constraints.txt"
    run(bin_folder / "pip", "install", "--quiet", "-c", constraints, built[1], cwd=tmp_path)
    installed = run(bin_folder / "pip", "list", "--format", "freeze", cwd=tmp_path).split()
    packages = {line.partition("==")[0].lower() for line in installed}
    assert packages - {"pip", "setuptools"} == {"edge-edet", "numpy", "pillow"}

    command = bin_folder / "edge-edet"
    assert run(command, "--version").startswith("edge-edet ")
    assert "convert" in run(command, "--help")
    assert "3,880,067" in run(command, "variants")
    assert "tf_efficientdet_d0_34-f153e0cf.pth" in run(command, "weights")
    doctor = subprocess.run([command, "doctor"], capture_output=True, text=True)
    assert doctor.returncode == 1, "no runtime is installed there"
    assert "pip install 'edge-edet[litert]'" in doctor.stdout
    assert doctor.stderr == ""
    folder = "import edge_edet, pathlib; print(pathlib.Path(edge_edet.__file__).parent)"
    found = run(bin_folder / "python", "-c", folder, cwd=tmp_path).strip()
    assert found.startswith(str(tmp_path)), "the installed package, not the checkout"
