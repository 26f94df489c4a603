"""The way to an emulated ARM core: what is missing is said in one line, before anything is fetched."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import edge_edet
from edge_edet import BackendError, InputError
from edge_edet.devices.emulation import arm_root
from edge_edet.devices.emulation import qemu as emulated
from edge_edet.devices.process import finish


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def path_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """path_of(name=shell text) makes these the only programs there are."""

    def make(**programs: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, text in programs.items():
            program(folder, name.replace("_", "-"), text)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    return make


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "stamp.json").write_text(arm_root.STAMP)
    return root


def test_without_qemu(path_of: Callable[..., Path], tmp_path: Path) -> None:
    path_of()
    with pytest.raises(BackendError, match=r"no qemu-aarch64-static: apt-get install qemu-user"):
        emulated.run_emulated(["x.py"], root=tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_without_apt(path_of: Callable[..., Path], tmp_path: Path) -> None:
    path_of()
    with pytest.raises(BackendError, match="there is no apt-get: the ARM packages need Debian's"):
        arm_root.prepare(tmp_path / "root")


def test_without_a_network_nothing_is_left(path_of: Callable[..., Path], tmp_path: Path) -> None:
    path_of(apt_get="echo begun >&2; echo 'E: no route to mirror' >&2; exit 100", dpkg_deb="")
    with pytest.raises(BackendError, match=r"apt-get update .* failed: E: no route to mirror$"):
        arm_root.prepare(tmp_path / "root")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bin", "root.lock"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"runtime": "tensorflow"},
            "unknown runtime 'tensorflow' to emulate: known are ai-edge-litert",
        ),
        ({"cpu": "max"}, "unknown CPU 'max' to emulate: known are cortex-a72, cortex-a76"),
    ],
)
def test_unknown_names(arguments: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        emulated.run_emulated(["x.py"], root=tmp_path, **arguments)  # type: ignore[arg-type]


def test_a_script_gets_its_runtime_our_package_and_the_core(
    path_of: Callable[..., Path], ready: Path
) -> None:
    path_of(qemu_aarch64="echo $*; echo $PYTHONPATH")
    lines = emulated.run_emulated(
        ["x.py", "1"], root=ready, runtime="tflite-runtime", cpu="cortex-a76"
    )
    command, paths = lines.splitlines()
    assert command == f"-cpu cortex-a76 -L {ready} {ready}/usr/bin/python3.11 x.py 1"
    site, own = map(Path, paths.split(os.pathsep))
    assert site == ready / "sites" / "tflite-runtime"
    assert [one.name for one in own.iterdir()] == ["edge_edet"]
    assert (own / "edge_edet").resolve() == Path(edge_edet.__file__).resolve().parent


def test_a_crash_is_one_line(
    path_of: Callable[..., Path], ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path_of(qemu_aarch64="echo qemu: uncaught target signal 11 >&2; exit 139")
    assert emulated.main(["--root", str(ready), "x.py"]) == 1
    said = capsys.readouterr().err
    assert said == "error: x.py on an emulated cortex-a72 failed: qemu: uncaught target signal 11\n"


def test_emulated_output_says_that_its_time_does_not_count(
    path_of: Callable[..., Path], ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path_of(qemu_aarch64="echo 42")
    assert emulated.main(["--root", str(ready), "x.py"]) == 0
    said = capsys.readouterr()
    assert said.out == "42\n"
    assert said.err == "emulated: the numbers are valid, the time is not\n"


def test_an_old_root_is_not_taken_for_a_new_one(path_of: Callable[..., Path], ready: Path) -> None:
    assert arm_root.prepare(ready) == ready
    (ready / "stamp.json").write_text("{}")
    path_of()
    with pytest.raises(BackendError, match="there is no apt-get"):
        arm_root.prepare(ready)
    assert (ready / "stamp.json").exists()  # left as it was


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit(3)", r"^it failed: exit status 3, without a message$"),
        ("print('a'); print('b'); 1 / 0", r"^it failed: ZeroDivisionError: division by zero$"),
    ],
)
def test_another_program_fails_in_one_line(code: str, message: str) -> None:
    with pytest.raises(BackendError, match=message):
        finish([sys.executable, "-c", code], "it", timeout_s=60)


def test_a_program_that_does_not_end() -> None:
    with pytest.raises(BackendError, match=r"^it did not finish within 0.5 s$"):
        finish([sys.executable, "-c", "import time; time.sleep(60)"], "it", timeout_s=0.5)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(BackendError, match=r"^it could not be started: .*'/nowhere/python'"):
        finish(["/nowhere/python"], "it", timeout_s=5)
