"""Pulling checkpoints, what is refused on the way, and the list of what is here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edge_edet.cli import main
from edge_edet.converters.weights import downloader as weights_download
from edge_edet.converters.weights import release as weights
from edge_edet.converters.weights.downloader import download
from edge_edet.converters.weights.release import find_pulled, release_file
from edge_edet.errors import CheckpointError, EdgeEdetError, InputError

CONTENT = bytes(range(256)) * 8192  # 2 MiB
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"tf_efficientdet_d0_34-{PREFIX}.pth"


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def test_pull_downloads_verifies_and_is_found(server: Any, target: Path) -> None:
    assert find_pulled("d0") is None
    assert main(["weights", "pull", "d0", "--from", server.url + "/"]) == 0
    assert target.read_bytes() == CONTENT
    assert find_pulled("d0") == target
    assert [path.name for path in target.parent.iterdir()] == [NAME]
    assert main(["weights", "pull", "d0", "--from", server.url]) == 0
    assert server.asked == [None], "the second pull needs no server"


def test_mirror_can_come_from_the_environment(
    server: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EDET_WEIGHTS_URL", server.url)
    assert main(["weights", "pull", "d0"]) == 0
    assert target.is_file()


def test_other_range_than_asked_is_refused(server: Any, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:1000])
    server.wrong_range = True
    with pytest.raises(EdgeEdetError, match="sent a part that was not requested"):
        download(server.url, target, PREFIX, "d0")
    assert part_of(target).stat().st_size == 1000


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        pytest.param(CONTENT[:-1] + b"x", 0, id="last byte wrong"),
        pytest.param(b"<html>log in first</html>", 0, id="a captive portal"),
        pytest.param(b"", 0, id="nothing"),
        pytest.param(CONTENT[:5] + b"x" + CONTENT[6:], 3000, id="resumed from another file"),
    ],
)
def test_wrong_file_is_deleted(server: Any, target: Path, content: bytes, kept: int) -> None:
    target.parent.mkdir()
    if kept:
        part_of(target).write_bytes(content[:kept])
    server.content = content
    with pytest.raises(EdgeEdetError, match=f"is another file: .* expected {PREFIX}..."):
        download(server.url, target, PREFIX, "d0")
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(("status", "text"), [(404, "Not Found"), (403, "Forbidden"), (500, "")])
def test_http_errors_say_what_to_do(server: Any, target: Path, status: int, text: str) -> None:
    server.status = status
    with pytest.raises(EdgeEdetError) as caught:
        download(f"{server.url}/{NAME}", target, PREFIX, "d0")
    assert f"{server.url}/{NAME} answered {status} {text}" in str(caught.value)
    assert f"put it at {str(target)!r}" in str(caught.value)
    assert list(target.parent.iterdir()) == []


def test_without_network_the_message_has_address_and_place(
    server: Any, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with type(server)() as closed:  # it never answers, and its port is free after
        url = closed.url
    assert main(["weights", "pull", "d0", "--from", url]) == 1
    error = capsys.readouterr().err
    assert error == (
        f"edge-edet: error: cannot reach {url.removeprefix('http://')} (connection refused): "
        f"fetch {url}/{NAME} elsewhere and put it at {str(target)!r}\n"
    )


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://host/x", "host/x", "http://", "http://host:port/", "http://a b/"],
)
def test_only_web_addresses_are_taken(target: Path, url: str) -> None:
    with pytest.raises(InputError, match="is no address to download from: expected https://"):
        download(url, target, PREFIX, "d0")


def test_answer_without_end_is_stopped(
    server: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_download, "MAX_SIZE_BYTES", 1_000_000)
    with pytest.raises(EdgeEdetError, match="has 2,097,152 bytes, more than 1,000,000"):
        download(server.url, target, PREFIX, "d0")


def test_damaged_file_is_refused_and_pulled_again(
    server: Any, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(CheckpointError, match=r"is damaged: .*'edge-edet weights pull d0'"):
        find_pulled("d0")
    pull = ["weights", "pull", "d0", "--from", server.url]
    assert main(pull) == 2  # it may be somebody's own
    assert (
        "delete it and run 'edge-edet weights pull d0', or give --overw" in capsys.readouterr().err
    )
    assert target.read_bytes() == CONTENT[:-1]
    assert main([*pull, "--overwrite"]) == 0
    assert "is damaged" in capsys.readouterr().out
    assert find_pulled("d0") == target


def test_list_shows_what_is_here(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    part = release_file("d1").path
    part_of(part).write_bytes(b"x" * 300_000)
    assert main(["weights"]) == 0
    text = capsys.readouterr().out
    assert f"  d0      {NAME:36}2.1 MB" in text
    assert f"  d1      {part.name}  0.3 MB here" in text
    assert max(len(line) for line in text.splitlines() if str(target.parent) not in line) <= 80
    assert main(["weights", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    row = listing["release"][0]
    assert (row["variant"], row["pulled"], row["path"]) == ("d0", True, str(target))
    assert row["url"] == weights.WEIGHTS_URL + NAME
    assert [row["pulled"] for row in listing["release"]].count(True) == 1


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_EDET_HOME", "/a")
    assert weights.weights_folder() == Path("/a/weights")
    monkeypatch.delenv("EDGE_EDET_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert weights.weights_folder() == Path("/b/edge-edet/weights")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/c")
    assert weights.weights_folder() == Path("/c/.cache/edge-edet/weights")


def test_unknown_variant_is_refused_before_the_first_download(server: Any) -> None:
    assert main(["weights", "pull", "d0", "d99", "--from", server.url]) == 2
    assert server.asked == []
