"""`edge-edet devices`, as it is typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_edet.cli import main
from edge_edet.devices.boards import known_profiles


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "edge-edet"
    folder.mkdir(parents=True)
    return folder


def test_the_list_says_which_one_this_machine_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  rpi4              Raspberry Pi 4 Model B" in [line[:42].rstrip() for line in lines]
    assert main(["devices", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    ids = [one["id"] for one in document["this_machine"]]
    assert [line.split()[1] for line in lines if line.startswith("* ") and ":" not in line] == ids
    (last,) = [line for line in lines if line.startswith("* this machine: ")][:1]
    assert last == f"* this machine: {ids[0]} ({document['this_machine'][0]['because']})"


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_no_cell_is_cut(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["devices"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= columns
    assert "..." not in text
    words = text.split()
    for profile in known_profiles().values():
        assert set(profile.cpu.split()) <= set(words)
    assert main(["devices", "pixel6"]) == 0
    text = capsys.readouterr().out
    assert known_profiles()["pixel6"].source in text  # in one piece


def test_wide_is_one_line_for_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["devices", "--wide"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for profile, line in zip(known_profiles().values(), lines, strict=False):
        assert line[2:].split() == [profile.id, *profile.name.split(), *profile.cpu.split()]


def test_one_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "rpi4"]) == 0
    assert "threads      1, 2, 4\n" in capsys.readouterr().out
    assert main(["devices", "rpi44"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("edge-edet: error: unknown board 'rpi44': known are coral-dev-board, ")


def test_a_profile_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text("format = 1")
    assert main(["devices", "--profile", str(tmp_path / "mine.toml")]) == 2
    assert "mine.toml: the key 'name' is missing" in capsys.readouterr().err


def test_a_host_is_checked_and_cleaned(
    config: Path, sshd: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = sshd.host()
    text = json.dumps(list(host.options))
    (config / "hosts.toml").write_text(
        f"[shelf]\nssh = '{host.ssh}'\noptions = {text}\nfolder = '{tmp_path}/there'\n"
        f"environment = '{sys.prefix}'\n"
    )
    assert main(["devices"]) == 0
    assert f"  host shelf: ssh {host.ssh}\n" in capsys.readouterr().out
    assert main(["devices", "--check", "shelf"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("shelf: ")
    assert said.endswith(f"Python {sys.version.split()[0]}: ready\n")
    assert (tmp_path / "there").is_dir()
    assert main(["devices", "--check", "shelf", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["host"] == "shelf"
    assert main(["devices", "--clean", "shelf"]) == 0
    assert capsys.readouterr().out == "shelf: 0.0 MB removed\n"
    assert not (tmp_path / "there").exists()
    assert main(["devices", "--clean", "shelf", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"host": "shelf", "removed_bytes": 0}
    assert main(["devices", "--check", "shelf", "--clean", "other"]) == 2
    assert "argument --clean: not allowed with argument --check" in capsys.readouterr().err


def test_no_option_of_ssh_is_a_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--check", "-oProxyCommand=x"]) == 2
    assert main(["devices", "--check=-oProxyCommand=x"]) == 2
    assert "is not a host: expected user@machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check", ""], "--host: '' is not a host: expected user@machine"),
        (["--clean", ""], "--host: '' is not a host: expected user@machine"),
        (["rpi4", "--check", "pi"], "--check takes only a host: 'rpi4' is one argument too many"),
        (
            ["--clean", "pi", "--profile", "x.toml"],
            "--clean does not take --profile: put x.toml in",
        ),
    ],
)
def test_what_does_not_go_together(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"edge-edet: error: {message}")
