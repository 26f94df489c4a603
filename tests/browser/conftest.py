"""A small detector, LiteRT.js, a browser, and `edge-edet bench --browser` as people start it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_edet.cli import main
from edge_edet.devices.litertjs import find_litertjs
from edge_edet.errors import EdgeEdetError

driving = runpy.run_path(str(Path(__file__).parents[1] / "report" / "browser.py"))
HEADLESS = (*driving["FLAGS"], "--disable-quic", "--disable-sync")
GPU = (  # a GPU that is a program: right results, times without meaning
    *(flag for flag in HEADLESS if flag != "--disable-gpu"),
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
)


def needs(what: object, reason: str) -> None:
    """Skip with the reason, or fail where all must be there."""
    if not what:
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """D0 in float with an input of 192 x 192: quick, and it still finds the drawn cells."""
    folder = tmp_path_factory.mktemp("models")
    command = "convert --fp32 d0 --weights bundled --image-size 192 --to tflite --no-parity-report"
    assert main([*command.split(), "-o", str(folder)]) == 0
    return folder / "d0-192-fp32.tflite"


@pytest.fixture(scope="session")
def litertjs() -> Path:
    try:
        return find_litertjs()
    except EdgeEdetError as error:
        needs(False, str(error))
        raise


@pytest.fixture
def open_browser(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start Chromium with a profile of its own; flags: more of them."""
    program = driving["find_chromium"]()
    needs(program, "no chromium: apt-get install chromium")
    with contextlib.ExitStack() as stack:

        def start(*more: str, flags: tuple[str, ...] = HEADLESS) -> Any:
            profile = tmp_path / f"profile-{len(list(tmp_path.glob('profile-*')))}"
            return stack.enter_context(driving["Browser"](program, profile, (*flags, *more)))

        yield start


@pytest.fixture
def gpu_flags() -> tuple[str, ...]:
    return GPU


@pytest.fixture
def node() -> str:
    program = shutil.which("node")
    needs(program, "no node: apt-get install nodejs")
    assert program is not None
    return program


class Command:
    """`edge-edet bench --browser` or `live` in a process of its own."""

    def __init__(self, arguments: list[str], folder: Path):
        self.rows_file = folder / "rows.jsonl"
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_edet", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.url = ""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"open (https?://\S+)$", line):
                self.url = found[1]
                break
        assert self.url, self.said
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self.said += self.process.stderr

    @property
    def rows(self) -> list[dict[str, Any]]:
        lines = self.rows_file.read_text().splitlines() if self.rows_file.exists() else []
        return [json.loads(line) for line in lines]

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C; its exit status and stdout."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        return self.process.wait(30), text


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    running: list[Command] = []

    def start(*arguments: str) -> Command:
        running.append(Command(list(arguments), tmp_path))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
