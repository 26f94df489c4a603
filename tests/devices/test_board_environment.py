"""The private environment on a board: this edge-edet as a wheel, with what it needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import edge_edet
from edge_edet import BackendError
from edge_edet.devices.remote import ssh
from edge_edet.devices.remote.wheels import downloaded as board_wheels
from edge_edet.devices.remote.wheels import own as own_wheel
from edge_edet.devices.remote.wheels.downloaded import fetch_wheels, platforms


def test_the_wheel_is_what_runs_here(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    wheel = own_wheel.write_wheel(tmp_path)
    assert own_wheel.write_wheel(tmp_path / "again").read_bytes() == wheel.read_bytes()
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        assert file.testzip() is None
    assert {name.partition("/")[0] for name in names} == {
        "edge_edet",
        f"edge_edet-{edge_edet.__version__}.dist-info",
    }
    assert "edge_edet/devices/profiles/rpi4.toml" in names
    assert "edge_edet/assets/d0-bccd.safetensors" in names
    assert [name for name in names if re.search("test_|conftest|__pycache__", name)] == []
    assert len(names) == len(set(names))


def test_a_board_without_internet_gets_all_from_here(
    sshd: Any, tiny_int8: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The whole way, once: venv, wheels sent, installed without an index, a model run."""
    settings = {"folder": str(tmp_path / "board"), "python": sys.executable, "internet": False}
    pi = ssh.connect(sshd.host(**settings))
    pi.prepare()
    assert "pi: installing edge-edet and its runtime\n" in capfd.readouterr().err
    picture = Path(__file__).resolve().parents[2] / "docs" / "demo.png"
    there = pi.push([tiny_int8, picture])
    (row,) = pi.run(["detect", there[picture], "-m", there[tiny_int8], "--json", "--threads", "1"])
    pi.close()
    assert row["detections"] is not None
    (environment,) = (tmp_path / "board").glob("env-*")
    code = "import edge_edet, json, sys; print(json.dumps([edge_edet.__file__, sys.prefix]))"
    output = subprocess.check_output(
        [environment / "bin" / "python", "-c", code], cwd=tmp_path, text=True
    )
    file, prefix = json.loads(output)
    assert prefix == str(environment)
    assert file.startswith(prefix)
    made = (environment / "ready").stat().st_mtime_ns
    again = ssh.connect(sshd.host(**settings))
    again.prepare()
    again.close()
    assert (environment / "ready").stat().st_mtime_ns == made  # taken as it is


def test_a_board_that_reaches_no_index(sshd: Any, tmp_path: Path) -> None:
    """A stand-in for its venv has a pip that fails as pip does without a network."""
    lines = (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'",
        "ERROR: No matching distribution found for numpy>=1.23",
    )
    (tmp_path / "pip").write_text(
        f"#!{sys.executable}\nimport sys\nsys.exit({chr(10).join(lines)!r})\n"
    )
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -m ]; then mkdir -p "$3/bin"; cp {tmp_path}/pip "$3/bin/python"; '
        f"exit; fi\nexec {sys.executable} -c \"import sys; sys.executable='$0'; $2\"\n"
    )
    for one in ("pip", "python"):
        (tmp_path / one).chmod(0o755)
    pi = ssh.connect(sshd.host(folder=str(tmp_path / "board"), python=str(python)))
    with pytest.raises(BackendError) as caught:
        pi.prepare()
    pi.close()
    assert str(caught.value) == (
        "pi: ERROR: No matching distribution found for numpy>=1.23; if it has no internet, set "
        "internet = false in hosts.toml, and the wheels are sent from here"
    )
    with pytest.raises(BackendError, match="No matching distribution"):  # half of one is none
        pi.prepare()
    pi.close()


def test_platforms_are_those_that_the_board_can_load() -> None:
    names = platforms("aarch64", ["glibc", "2.31"])
    assert names[0] == "manylinux_2_31_aarch64"
    assert names[-2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]


@pytest.mark.parametrize("libc", [["", ""], ["musl", "1.2"], ["glibc", "3"]])
def test_another_c_library(libc: list[str]) -> None:
    with pytest.raises(BackendError, match="wheels for glibc only, but the C library is"):
        platforms("aarch64", libc)


def test_wheels_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    wheel = own_wheel.write_wheel(tmp_path)
    with pytest.raises(
        BackendError, match=r"^downloading wheels for Python 3.11 on x failed: ERROR"
    ):
        fetch_wheels(wheel, ["litert"], tmp_path, "3.11", ["x"])
    assert board_wheels.TIMEOUT_S > 60
