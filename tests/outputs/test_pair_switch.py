"""The .xml and .bin of an OpenVINO model: readers find both old files or both new ones, always."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import edge_edet
from edge_edet.converters.write.model_writer import write_checked
from edge_edet.errors import EdgeEdetError, ModelFileError
from edge_edet.files.pair import aside
from edge_edet.manifest import read_manifest
from tests.outputs.conftest import converted, everything

pytest.importorskip("openvino")
Pair = dict[str, bytes]

SWITCHING = """
import sys, time
from pathlib import Path
from edge_edet.converters.write.model_writer import write_checked
path, *pairs = map(Path, sys.argv[3:])
read = [{s: one.with_suffix(s).read_bytes() for s in (".bin", ".xml")} for one in pairs]
for number in range(int(sys.argv[1])):
    write_checked(path, read[number % 2])
    time.sleep(float(sys.argv[2]))
"""

KILLED = """
import os, sys
from pathlib import Path
from edge_edet.converters.write.model_writer import write_checked
step, path, new = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
steps = 0
def counted(real):
    def wrapper(*arguments, **options):
        global steps
        if steps == step:
            os.kill(os.getpid(), 9)
        steps += 1
        return real(*arguments, **options)
    return wrapper
for name in ("mkdir", "unlink", "replace"):
    setattr(Path, name, counted(getattr(Path, name)))
os.fsync = counted(os.fsync)
write_checked(path, {s: new.with_suffix(s).read_bytes() for s in (".bin", ".xml")})
"""


def read_pair(path: Path) -> Pair:
    return {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".bin", ".xml")}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make two models of one name and size, with different weights."""
    folders = [tmp_path_factory.mktemp(f"seed{seed}") for seed in (1, 2)]
    one, other = (converted(f, to="openvino", seed=n) for n, f in enumerate(folders, 1))
    return one, other


@pytest.fixture
def pairs(paths: tuple[Path, Path]) -> tuple[Pair, Pair]:
    return read_pair(paths[0]), read_pair(paths[1])


def seed_of(path: Path) -> object:
    return read_manifest(path).provenance["weights"]["seed"]


def seed_of_loaded(path: Path) -> object:
    with edge_edet.load(path, threads=1) as detector:
        assert detector.manifest is not None
        return detector.manifest.provenance["weights"]["seed"]


@pytest.mark.parametrize(
    ("read", "times", "pause_s"),
    [(seed_of, 30, 0), (seed_of_loaded, 8, 0.7)],
    ids=["read", "load"],
)
def test_a_reader_finds_the_old_model_or_the_new(
    read: Callable[[Path], object],
    times: int,
    pause_s: float,
    paths: tuple[Path, Path],
    pairs: tuple[Pair, Pair],
    tmp_path: Path,
) -> None:
    """It reads all the time while another process switches them."""
    path = tmp_path / "model.xml"
    write_checked(path, pairs[0])
    seen = []
    arguments = [sys.executable, "-c", SWITCHING, str(times), str(pause_s)]
    arguments += map(str, (path, paths[1], paths[0]))
    with subprocess.Popen(arguments) as process:
        while process.poll() is None:
            seen.append(read(path))
    assert process.returncode == 0
    assert set(seen) == {1, 2}
    assert set(everything(tmp_path)) == {"model.bin", "model.xml"}


def test_a_kill_at_any_step_is_repaired_by_the_next_run(
    paths: tuple[Path, Path], pairs: tuple[Pair, Pair], tmp_path: Path
) -> None:
    status, hidden = -9, 0
    for step in range(30):
        path = tmp_path / str(step) / "model.xml"
        write_checked(path, pairs[0])
        command = [sys.executable, "-c", KILLED, str(step), str(path), str(paths[1])]
        status = subprocess.run(command, timeout=60).returncode
        if path.exists():
            assert read_pair(path) in pairs
        else:
            hidden += 1
            with pytest.raises(
                ModelFileError, match=r"was killed while it replaced it.*run it again"
            ):
                read_manifest(path)
        write_checked(path.with_name("other.xml"), pairs[0])  # the next run in that folder
        assert read_pair(path) in pairs
        write_checked(path, pairs[1])
        assert read_pair(path) == pairs[1]
        names = {"model.bin", "model.xml", "other.bin", "other.xml"}
        assert set(everything(path.parent)) == names
        if status == 0:
            break
        assert status == -9
    assert status == 0, "the last step was never reached"
    assert hidden == 3  # after each of the first three renames


def test_a_kill_of_the_first_is_repaired(
    paths: tuple[Path, Path], pairs: tuple[Pair, Pair], tmp_path: Path
) -> None:
    """There was no model before: weights without a graph count as ours."""
    for step in range(30):
        path = tmp_path / str(step) / "model.xml"
        path.parent.mkdir()
        command = [sys.executable, "-c", KILLED, str(step), str(path), str(paths[1])]
        status = subprocess.run(command, timeout=60).returncode
        assert not path.exists() or read_pair(path) == pairs[1]
        write_checked(path, pairs[0])
        assert read_pair(path) == pairs[0]
        assert set(everything(path.parent)) == {"model.bin", "model.xml"}
        if status == 0:
            return
    pytest.fail("the last step was never reached")


@pytest.mark.parametrize("failing", range(4))
def test_a_rename_that_fails_keeps_the_old_model(
    failing: int, pairs: tuple[Pair, Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.xml"
    write_checked(path, pairs[0])
    real, count = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == failing + 1:
            raise OSError(5, "Input/output error", str(self))
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(OSError, match="Input/output") as caught:
            write_checked(path, pairs[1])
    assert str(tmp_path) in str(caught.value.filename)
    assert read_pair(path) == pairs[0]
    assert set(everything(tmp_path)) == {"model.bin", "model.xml"}


def test_a_disk_that_fails_for_good_leaves_the_old_model_aside(
    pairs: tuple[Pair, Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rename after the second fails, including those that would restore the old one."""
    path = tmp_path / "model.xml"
    write_checked(path, pairs[0])
    real, count = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > 2:
            raise OSError(5, "Input/output error", str(self))
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(OSError, match="Input/output"):
            write_checked(path, pairs[1])
    assert aside(path).read_bytes() == pairs[0][".xml"]
    with pytest.raises(EdgeEdetError):
        edge_edet.load(path)
    with pytest.raises(
        ModelFileError
    ):  # what comes next is wrong: the old model is back all the same
        write_checked(path, {".bin": pairs[1][".bin"], ".xml": pairs[0][".xml"]})
    assert read_pair(path) == pairs[0]


def test_a_graph_that_another_put_there_does_not_lose_what_was_set_aside(
    pairs: tuple[Pair, Pair], tmp_path: Path
) -> None:
    path = tmp_path / "model.xml"
    write_checked(path, pairs[0])
    path.rename(aside(path))  # as a killed switch leaves it
    path.write_text("<?xml version='1.0'?><net/>")
    with pytest.raises(EdgeEdetError, match="--overwrite"):
        write_checked(path, pairs[1])
    assert aside(path).read_bytes() == pairs[0][".xml"]
