"""A download that breaks off, is killed or finds a full disk goes on where it stopped."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge_edet.converters.weights import downloader as weights_download
from edge_edet.converters.weights import partial_file as weights_part
from edge_edet.converters.weights.downloader import download
from edge_edet.errors import EdgeEdetError

CONTENT = bytes(range(256)) * 8192  # 2 MiB
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]
NAME = f"tf_efficientdet_d0_34-{PREFIX}.pth"


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def test_answer_that_breaks_off_is_resumed_in_the_same_run(server: Any, target: Path) -> None:
    server.cut_at = [1_000_000, 500_000]
    download(server.url, target, PREFIX, "d0")
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-", "bytes=1500000-"]


def test_next_run_resumes_where_all_tries_broke_off(server: Any, target: Path) -> None:
    server.cut_at = [1000] * weights_download.TRIES
    with pytest.raises(EdgeEdetError, match=r"broke off 4 times; 4,000 bytes are kept: run the sa"):
        download(server.url, target, PREFIX, "d0")
    assert part_of(target).read_bytes() == CONTENT[:4000]
    assert not target.exists()
    download(server.url, target, PREFIX, "d0")
    assert server.asked[-1] == "bytes=4000-"
    assert target.read_bytes() == CONTENT


def test_whole_part_needs_no_server(target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT)
    download("http://127.0.0.1:9", target, PREFIX, "d0")
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()


def test_server_without_ranges_sends_all_again(server: Any, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:1000])
    server.ranges = False
    download(server.url, target, PREFIX, "d0")
    assert server.asked == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_part_that_is_too_long_is_started_again(server: Any, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(b"x" * (len(CONTENT) + 1))
    download(server.url, target, PREFIX, "d0")
    assert server.asked == [f"bytes={len(CONTENT) + 1}-", None]
    assert target.read_bytes() == CONTENT


def test_full_disk_keeps_what_came(
    server: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(weights_part.io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > 1_500_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    with monkeypatch.context() as patch:
        patch.setattr(weights_part.io, "FileIO", FullDisk)
        with pytest.raises(EdgeEdetError, match=r"cannot write '.*\.part': no space left on dev"):
            download(server.url, target, PREFIX, "d0")
    kept = part_of(target).read_bytes()
    assert 0 < len(kept) <= 1_500_000
    assert kept == CONTENT[: len(kept)]
    download(server.url, target, PREFIX, "d0")
    assert server.asked[-1] == f"bytes={len(kept)}-"
    assert target.read_bytes() == CONTENT


def test_unwritable_folder_is_one_line(server: Any, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file where the folder should be")
    with pytest.raises(EdgeEdetError, match=r"cannot use '.*\.part': "):
        download(server.url, tmp_path / "weights" / NAME, PREFIX, "d0")


def pull_in_a_process(server: Any, home: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from edge_edet.converters.weights.release import RELEASE; "
        f"RELEASE['d0'] = {NAME!r}; from edge_edet.cli import main; "
        "sys.exit(main(['weights', 'pull', 'd0', '--from', sys.argv[1]]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, server.url],
        env=os.environ | {"EDGE_EDET_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for_bytes(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() or path.stat().st_size < 100_000:
        assert time.monotonic() < deadline, f"nothing came to {path}"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        (signal.SIGKILL, -signal.SIGKILL, b""),
        (signal.SIGINT, 130, b"edge-edet: error: interrupted\n"),
    ],
)
def test_killed_pull_leaves_a_part_that_resumes(
    server: Any, home: Path, target: Path, sent: signal.Signals, status: int, error: bytes
) -> None:
    server.slow = True
    with pull_in_a_process(server, home) as process:
        wait_for_bytes(part_of(target))
        process.send_signal(sent)
        assert process.communicate(timeout=20) == (b"", error)
    assert process.returncode == status
    kept = part_of(target).read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert not target.exists()
    server.slow = False
    download(server.url, target, PREFIX, "d0")
    assert server.asked[-1] == f"bytes={len(kept)}-"
    assert target.read_bytes() == CONTENT


def test_second_pull_at_the_same_time_is_refused(server: Any, home: Path, target: Path) -> None:
    server.slow = True
    with pull_in_a_process(server, home) as process:
        wait_for_bytes(part_of(target))
        with pytest.raises(EdgeEdetError, match=f"another download of {NAME} is running: wait"):
            download(server.url, target, PREFIX, "d0")
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert target.read_bytes() == CONTENT
