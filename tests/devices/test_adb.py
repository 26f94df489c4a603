"""A phone behind adb. The adb here is a stand-in that keeps the phone's files in a folder of this
machine and runs the phone's commands in its shell; benchmark_model replays a recorded log.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet import BackendError, EdgeEdetError, InputError
from edge_edet.devices.benchmark_model.tool import arguments, parse_logs
from edge_edet.devices.remote import adb
from edge_edet.devices.remote.adb import Adb
from edge_edet.devices.remote.hosts import Host

LOGS = Path(__file__).parent / "logs"
PROPERTIES = """[ro.build.version.release]: [14]
[ro.product.cpu.abi]: [arm64-v8a]
[ro.product.device]: [shiba]
[ro.product.model]: [Pixel 8]
[ro.soc.model]: [Tensor G3]
"""
ADB = """#!{python}
import pathlib, shutil, subprocess, sys
here = pathlib.Path({folder!r})
arguments = sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(" ".join(arguments[:4])[:90] + "\\n")
if arguments[:1] == ["-s"]:
    arguments = arguments[2:]
failures = here / "failures"
if failures.exists() and (left := failures.read_text().splitlines()):
    failures.write_text("\\n".join(left[1:]))
    if left[0]:
        sys.exit(left[0])
if arguments[0] == "push":
    shutil.copy(arguments[1], arguments[2].replace({there!r}, {there_here!r}))
else:
    script = arguments[1].replace({there!r}, {there_here!r})
    sys.exit(subprocess.run(["sh", "-c", script], env={{"PATH": {path!r}}}).returncode)
"""


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Adb]:
    """phone(log=..., failures=...): one line for each call, empty or how adb fails then."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()

    def make(
        log: str = "console-2.18",
        failures: tuple[str, ...] = (),
        properties: str = PROPERTIES,
        status: int = 0,
        wait: str = "0",
        **settings: Any,
    ) -> Adb:
        (tmp_path / "properties").write_text(properties)
        path = f"{bin_folder}:/usr/bin:/bin"
        values = {
            "python": sys.executable,
            "folder": str(tmp_path),
            "there": adb.FOLDER,
            "there_here": str(tmp_path / "phone"),
            "path": path,
        }
        (bin_folder / "adb").write_text(ADB.format(**values))
        (bin_folder / "getprop").write_text(f"#!/bin/sh\ncat {tmp_path}/properties\n")
        tool = tmp_path / "android_benchmark_model"
        tool.write_text(
            f'#!/bin/sh\nsleep {wait}\necho "$@" > {tmp_path}/asked\ncat {LOGS}/{log}.txt\n'
            f"exit {status}\n"
        )
        for one in bin_folder.iterdir():
            one.chmod(0o755)
        (tmp_path / "failures").write_text("\n".join(failures))
        monkeypatch.setenv("PATH", path)
        monkeypatch.setattr(adb, "POLL_S", 0.05)
        monkeypatch.setattr(adb, "PAUSE_S", 0.05)
        given = {"adb": "X1", "benchmark_model": str(tool), **settings}
        return Adb(Host("phone", **given), patience_s=1)

    return make


def calls(tmp_path: Path, word: str) -> int:
    return (tmp_path / "calls").read_text().count(f"-s X1 {word}")


def test_a_run_on_a_phone(phone: Callable[..., Adb], tmp_path: Path) -> None:
    model = tmp_path / "d0.tflite"
    model.write_bytes(b"model")
    device = phone()
    found = device.prepare()
    assert (found.device, found.system) == ("pixel8", "arm64-v8a, Android 14")
    assert found.because == "build.prop: ro.product.device=shiba"
    there = device.push([model])[model]
    (row,) = device.run(arguments(there, threads=2, delegate="xnnpack"))
    (log,) = parse_logs(row["log"], "phone")
    assert log.mean_ms == 200.25
    asked = (tmp_path / "asked").read_text().split()
    assert asked[0].endswith("/d0.tflite")
    assert asked[-2:] == ["--num_threads=2", "--use_xnnpack=true"]
    assert list((tmp_path / "phone" / "jobs").iterdir()) == []
    assert device.clean() > 0
    assert not (tmp_path / "phone").exists()


def test_a_model_is_sent_once(phone: Callable[..., Adb], tmp_path: Path) -> None:
    model = tmp_path / "d0.tflite"
    model.write_bytes(b"model")
    device = phone()
    there = device.push([model])
    assert device.push([model]) == there
    assert calls(tmp_path, "push") == 1
    model.write_bytes(b"other")
    assert device.push([model]) != there


def test_a_phone_that_is_away_for_a_while(
    phone: Callable[..., Adb], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    device = phone(failures=("",) * 8 + ("error: device 'X1' not found",) * 3, wait="0.3")
    device.prepare()
    (row,) = device.run(["--graph=x"])
    assert "Inference (avg): 200250" in row["log"]
    said = capfd.readouterr().err
    assert "phone: the phone does not answer; trying again in 0.05 s\n" in said


@pytest.mark.parametrize("name", ["d0.xml", "d0.onnx", "."])
def test_other_formats_are_not_sent(phone: Callable[..., Adb], tmp_path: Path, name: str) -> None:
    (tmp_path / name).is_dir() or (tmp_path / name).touch()
    with pytest.raises(
        InputError, match=r" is not a .tflite: benchmark_model runs no other format$"
    ):
        phone().push([tmp_path / name])


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("error: device unauthorized.", "phone: device unauthorized.; allow this computer on its"),
        ("error: no devices/emulators found", "phone: no devices/emulators found; connect it"),
        ("error: device 'X1' not found", "phone: device 'X1' not found; see 'adb devices'"),
        ("error: device offline", "phone: device offline; connect it again"),
    ],
)
def test_a_phone_that_cannot_be_reached(
    phone: Callable[..., Adb], failure: str, message: str
) -> None:
    with pytest.raises(BackendError) as caught:
        phone(failures=(failure,)).prepare()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"benchmark_model": None}, InputError, r"needs benchmark_model, but none is named: build"),
        (
            {"benchmark_model": "/nowhere"},
            InputError,
            r"needs benchmark_model, but '/nowhere' does not exist: build it",
        ),
        (
            {"board": "pixel6"},
            BackendError,
            r"is called pixel6, by --board or in .*, but it is pixel8 ",
        ),
        (
            {"properties": "[ro.product.cpu.abi]: [x86_64]"},
            BackendError,
            r"^phone runs x86_64 programs, expected arm64-v8a$",
        ),
    ],
)
def test_a_phone_that_is_not_what_is_needed(
    phone: Callable[..., Adb], settings: dict[str, Any], kind: type[EdgeEdetError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        phone(**settings).prepare()


def test_benchmark_model_fails(phone: Callable[..., Adb]) -> None:
    device = phone(log="gpu", status=1)
    device.prepare()
    with pytest.raises(BackendError, match=r"^phone: benchmark_model failed \(1\): Memory footp"):
        list(device.run(["--graph=x"]))


def test_no_adb(phone: Callable[..., Adb], monkeypatch: pytest.MonkeyPatch) -> None:
    device = phone()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BackendError, match=r"^there is no adb on this machine: 'apt install adb'$"):
        device.prepare()


def test_a_disk_of_a_phone_that_is_full(phone: Callable[..., Adb], tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"m")
    full = "adb: error: failed to copy 'm' to 'there': remote No space left on device"
    with pytest.raises(BackendError, match=r"No space left on device; free some there, or remove"):
        phone(failures=("", "", full)).push([tmp_path / "m"])
