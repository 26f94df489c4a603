"""What is missing for counting, or goes wrong with it, is one line, and nothing is left behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_edet import BackendError, InputError
from edge_edet.cli import main
from edge_edet.devices.counting import build_counter, disagreement, find_core, run_counted
from edge_edet.devices.counting.counter import KindCounts, parse_marks
from edge_edet.devices.emulation import arm_root as arm
from edge_edet.system import CountingTools, check_counting, find_counting_tools

QEMU = 'case "$1" in --version) echo "qemu-aarch64 version 7.2.1";; --help) echo "-plugin x";; esac'


@pytest.fixture
def path_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """path_of(name=shell text) makes these the only programs there are."""

    def make(**programs: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, text in programs.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return folder

    return make


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        ({}, r"there is no qemu-aarch64 to count with: apt-get install qemu-user gcc$"),
        (
            {"qemu_aarch64_static": ""},
            r"static cannot load the counter, .*: apt-get install qemu-user",
        ),
        ({"qemu_aarch64": "echo hello"}, r"qemu-aarch64 does not state its version"),
        ({"qemu_aarch64": "echo version 5.2.0"}, r"is QEMU 5\.2, whose plugins cannot count"),
        ({"qemu_aarch64": "echo version 8.0.0"}, r"was built without support for plugins"),
        (
            {"qemu_aarch64": QEMU},
            r"there is no C compiler \(cc\) .*: apt-get install qemu-user gcc$",
        ),
    ],
)
def test_programs(programs: dict[str, str], message: str, path_of: Callable[..., Path]) -> None:
    path_of(**programs)
    with pytest.raises(BackendError, match=message):
        find_counting_tools()
    check = check_counting()
    assert not check.works
    assert "apt-get install qemu-user gcc" in check.note or "7.2" in check.note


def test_doctor_says_which_qemu_counts(path_of: Callable[..., Path]) -> None:
    path_of(qemu_aarch64=QEMU, cc="")
    assert check_counting().version == "QEMU 7.2"


def test_a_compiler_that_fails_leaves_nothing(path_of: Callable[..., Path], tmp_path: Path) -> None:
    text = 'case "$1" in --version) echo cc 1;; *) echo "error: no stdint.h" >&2; exit 1;; esac'
    path_of(qemu_aarch64=QEMU, cc=text)
    with pytest.raises(BackendError, match=r"^compiling the counter failed: error: no stdint\.h$"):
        build_counter(find_counting_tools(), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written(tools: CountingTools, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match=r"cannot keep the counter in .*EDGE_EDET_HOME"):
        build_counter(tools, tmp_path / "file" / "cache")


def test_the_counter_is_compiled_once(tools: CountingTools, tmp_path: Path) -> None:
    first = build_counter(tools, tmp_path)
    when = first.stat().st_mtime_ns
    assert build_counter(tools, tmp_path) == first
    assert first.stat().st_mtime_ns == when
    newer = CountingTools(tools.qemu, (10, 0), tools.compiler)
    assert build_counter(newer, tmp_path) != first, "another interface, another file"


@pytest.fixture
def fake(path_of: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root, scratch folder and cache of its own; the fake compiler makes an empty plugin."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "stamp.json").write_text(arm.STAMP)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setenv("EDGE_EDET_HOME", str(tmp_path / "home"))
    return root


COMPILER = (
    'case "$1" in --version) echo 1;; *) while [ "$1" != -o ]; do shift; done; : > "$2";; esac'
)


def test_operators_that_crash_the_emulator(
    fake: Path, path_of: Callable[..., Path], tmp_path: Path
) -> None:
    crash = f'{QEMU}; case "$1" in -plugin) : > core; echo "qemu: signal 11" >&2; exit 139;; esac'
    path_of(qemu_aarch64=crash, cc=COMPILER)
    models = [tmp_path / "a.tflite", tmp_path / "b.tflite"]
    found = run_counted(models, "cortex-a72", root=fake)
    texts = [str(one) for one in found]
    assert [text.partition(":")[0] for text in texts] == ["a.tflite", "b.tflite"], "each on its own"
    assert all(text.endswith("failed: qemu: signal 11") for text in texts)
    assert list((tmp_path / "scratch").iterdir()) == [], "nor the core file"


def test_time_limit(fake: Path, path_of: Callable[..., Path], tmp_path: Path) -> None:
    wait = f'{QEMU}; case "$1" in -plugin) exec {os.path.realpath("/bin/sleep")} 60;; esac'
    path_of(qemu_aarch64=wait, cc=COMPILER)
    (found,) = run_counted([tmp_path / "a.tflite"], "cortex-a72", root=fake, timeout_s=0.2)
    assert str(found) == (
        "a.tflite: a.tflite on an emulated cortex-a72 did not finish within 0.2 s"
    )
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--count"], "--count needs an emulated core: give --host emulated:rpi4, say"),
        (["--count", "--host", "pi@board"], "--count needs an emulated core"),
        (["--count", "--host", "emulated:nothing"], "no core to count on is called 'nothing'"),
        (["--count", "--host", "emulated:n100"], "n100 cannot be emulated, so that nothing can be"),
        (["--per-operator"], "--per-operator is for --count"),
        (["--count", "--host", "emulated:rpi4", "--data", "x"], "leave --data out"),
        (["--count", "--host", "emulated:rpi4", "--sustain", "1m"], "leave --sustain, --images"),
        (["--count", "--host", "emulated:rpi4", "--parallel", "2"], "leave --parallel out"),
        (["--count", "--host", "emulated:rpi4", "--delegate", "none"], "leave --delegate out"),
        (["--count", "--host", "emulated:rpi4", "--runtime", "openvino"], "cannot run 'openvino'"),
        (
            ["--count", "--host", "emulated:rpi4", "--time-limit", "0"],
            "--time-limit must be above 0",
        ),
    ],
)
def test_refused_before_anything_runs(
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", "model.tflite", *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_cores_have_boards() -> None:
    assert find_core("rpi4").cpu == "cortex-a72"
    assert find_core("rpi5").cpu == "cortex-a76"
    assert find_core("rpi3").cpu == "cortex-a53"
    assert find_core("cortex-x").cpu.startswith("max,sme=off"), "with SME QEMU 7.2 computes wrongly"
    with pytest.raises(InputError, match=r"known are .*rpi4.*cortex-x"):
        find_core("max")


def test_marks_that_were_cut_off_are_passed_over() -> None:
    line = " ".join(map(str, range(15)))
    (mark,) = parse_marks(f"{line}\n{line}")
    assert mark == KindCounts(tuple(range(12)), 12, 13, 14)
    assert mark.since(mark).instructions == 0


def test_what_agrees() -> None:
    steps = np.arange(1000, dtype=np.int8).reshape(1, 1000)
    other = steps.copy()
    other[0, 0] += 2
    assert disagreement([steps], [other]) is None
    other[0, 1] += 100
    assert (
        disagreement([steps], [other]) == "output 0 is up to 100 steps apart, 99.8% of it is equal"
    )
    off = steps.copy()
    off[0, ::50] += 1
    assert disagreement([steps], [off]) == "output 0 is up to 1 steps apart, 98.0% of it is equal"
    real = np.linspace(0, 1, 10, dtype=np.float32)
    assert disagreement([real], [real + np.float32(1e-5)]) is None
    assert "of a range of 1" in str(disagreement([real], [real + np.float32(0.1)]))
    assert disagreement([real], [real * np.float32(np.nan)]) == "output 0 is not finite"
    assert disagreement([real], [steps]) == "its outputs have other shapes or types"
