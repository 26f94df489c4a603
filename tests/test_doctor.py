"""`edge-edet doctor`: what it finds, and what it says of what is broken."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge_edet.cli import main
from edge_edet.optional_packages import EXTRAS, install, missing_extra
from edge_edet.system import installed
from edge_edet.system.installed import (
    Check,
    check_delegates,
    check_devices,
    check_extras,
    check_runtimes,
)
from edge_edet.system.machine import parse_cpuinfo, this_machine


def test_doctor_tells_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor"])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for word in ("machine", "runtimes", "delegates", "extras", "counting", "xnnpack", "edgetpu"):
        assert word in text
    assert main(["doctor", "--json"]) == status
    report = json.loads(capsys.readouterr().out)
    runtimes = {row["name"]: row for row in report["runtimes"]}
    works = any(row["works"] for row in runtimes.values())
    assert status == (0 if works else 1)
    assert report["machine"]["cores"] >= 1


def test_runtime_that_cannot_be_imported_is_not_called_working(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('built for another numpy')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = next(check for check in check_runtimes() if check.name == "tflite-runtime")
    assert not check.works
    assert "cannot be imported: built for another numpy" in check.note


def test_doctor_lists_openvino_devices_and_onnxruntime_providers() -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    here = [Check("openvino", True, ""), Check("onnxruntime", True, "")]
    found = {check.name: check.note for check in check_devices(here)}
    assert found["CPU"].startswith("openvino: ")
    assert found.keys() >= {"GPU", "NPU"}, "there, or what their driver is"
    assert "CPUExecutionProvider" in found["onnxruntime"]
    assert check_devices([Check("openvino", False, "")]) == []


def test_runtime_that_crashes_over_its_devices_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openvino.py").write_text("import os\nos.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = check_devices([Check("openvino", True, "")])
    assert not check.works
    assert check.note == "cannot list its devices: ended by signal 6"


def test_no_runtime_no_xnnpack() -> None:
    checks = check_delegates([Check("openvino", True, "")])
    assert not checks[0].works
    assert "pip install 'edge-edet[litert]'" in checks[0].note


@pytest.mark.parametrize(
    ("text", "name", "flags"),
    [
        ("model name\t: AMD EPYC\nflags\t\t: fpu avx2\n", "AMD EPYC", {"fpu", "avx2"}),
        (
            "processor\t: 0\nFeatures\t: fp asimd asimddp\nModel\t\t: Raspberry Pi 5\n",
            "Raspberry Pi 5",
            {"fp", "asimd", "asimddp"},
        ),
        ("", "", set()),
        ("no colon here", "", set()),
    ],
)
def test_cpuinfo(text: str, name: str, flags: set[str]) -> None:
    assert parse_cpuinfo(text) == (name, flags)


def test_machine_without_proc_is_described_all_the_same(tmp_path: Path) -> None:
    machine = this_machine(tmp_path)
    assert (machine.features, machine.memory_bytes, machine.board) == ({}, None, None)


def test_runtimes_say_how_fast_they_were_measured() -> None:
    (litert,) = (check for check in check_runtimes() if check.name == "ai-edge-litert")
    assert "time against float: int8 0." in litert.note


@pytest.mark.parametrize("python", [(3, 10), (3, 11)])
def test_an_extra_is_offered_where_it_has_wheels(python: tuple[int, int]) -> None:
    assert install("tflite-runtime", python) == "pip install 'edge-edet[tflite-runtime]'"


@pytest.mark.parametrize("python", [(3, 12), (3, 13), (3, 20)])
def test_an_extra_without_wheels_is_not_offered(python: tuple[int, int]) -> None:
    ours = ".".join(map(str, python))
    assert install("tflite-runtime", python) == (
        f"tflite-runtime has no wheels for Python {ours}, the last was 3.11; "
        "instead: pip install 'edge-edet[litert]'"
    )
    assert install("litert", python) == "pip install 'edge-edet[litert]'"


def test_missing_package_is_told_with_what_this_python_can_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = ModuleNotFoundError(name="tflite_runtime")
    for version, extra in (((3, 11, 2), "tflite-runtime"), ((3, 13, 0), "litert")):
        monkeypatch.setattr("sys.version_info", version)
        told = missing_extra(error)
        assert told is not None
        assert str(told).endswith(f"pip install 'edge-edet[{extra}]'")


def test_no_extra_installs_nothing_on_some_python() -> None:
    """pip passes over an entry whose marker does not hold, and says that all went well."""
    tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    for extra, entries in tomllib.loads(text)["project"]["optional-dependencies"].items():
        unmarked = [entry for entry in entries if "python_version" not in entry]
        assert unmarked, extra


def test_extras_agree_with_pyproject() -> None:
    tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    assert set(extras) == set(EXTRAS)
    for extra, modules in EXTRAS.items():
        entries = list(extras[extra])
        for parts in re.findall(r"edge-edet\[([a-z,-]+)\]", " ".join(entries)):
            entries += [entry for part in parts.split(",") for entry in extras[part]]
            assert {module for part in parts.split(",") for module in EXTRAS[part]} <= set(modules)
        for module in modules:
            distribution = {"yaml": "pyyaml"}.get(module, module.replace("_", "-"))
            assert any(entry.startswith(distribution) for entry in entries), module


def test_an_extra_of_extras_is_there_only_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "is_installed", lambda module: module != "matplotlib")
    found = {check.name: check for check in check_extras()}
    assert [name for name, check in found.items() if not check.works] == ["report", "dev", "docs"]
    assert found["docs"].note == "without matplotlib: pip install 'edge-edet[docs]'"
