"""Puts a page together and serves it until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from edge_edet.benchmarks.browser.address import (
    adb_reversed,
    certificate,
    lan_address,
    qr_code,
)
from edge_edet.benchmarks.browser.served_model import ServedModel
from edge_edet.benchmarks.browser.server import Content, Page, serving
from edge_edet.devices.litertjs import FILES
from edge_edet.errors import InputError
from edge_edet.optional_packages import install

__all__ = ["Reach", "announced", "page_files", "wait_for_interrupt"]

LOOPBACK = "127.0.0.1"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True)
class Reach:
    """Who can open the page.

    Attributes
    ----------
    port
        0: a free one.
    lan
        Whether other machines can; else this one alone, and phones behind adb.
    http
        On the LAN: without a certificate, and so without what browsers keep for secure contexts.
    """

    port: int = 0
    lan: bool = False
    http: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port must be from 0 to 65535, but got {self.port}")
        if self.http and not self.lan:
            raise InputError("--http is for --lan: without it the page is on localhost, by http")

    @property
    def lacks(self) -> list[str]:
        """What the page tells of its address beside what it finds out itself."""
        if self.lan and self.http:
            return ["It was started with --http. Without that option the address is https."]
        return []


def page_files(
    index: str,
    models: Sequence[ServedModel],
    litertjs: Path,
    job: Mapping[str, Any],
    pictures: Mapping[str, Content],
) -> dict[str, Content]:
    """Collect what stands behind the token.

    Parameters
    ----------
    index
        Name of the page that stands at the address itself.
    models, litertjs
        What is served, and the folder with LiteRT.js.
    job
        Becomes job.json.
    pictures
        Path -> content.
    """
    folder = files("edge_edet.benchmarks.browser").joinpath("page")
    found: dict[str, Content] = {}
    for entry in folder.iterdir():
        kind = KINDS.get(Path(entry.name).suffix)
        if kind is not None:
            place = "" if entry.name == index else f"page/{entry.name}"
            found[place] = Content(entry.read_bytes(), kind)
    for name in FILES:
        path = litertjs / name
        found[f"litertjs/{name}"] = Content(path.read_bytes(), KINDS[path.suffix], lasting=True)
    for number, model in enumerate(models):
        binary = "application/octet-stream"
        found[f"model/{number}"] = Content(model.data, binary, lasting=True)
        anchors = model.anchor_bytes()
        if anchors is not None:
            found[f"anchors/{number}"] = Content(anchors, binary, lasting=True)
    found["job.json"] = Content(json.dumps(job).encode(), "application/json")
    return found | dict(pictures)


@contextlib.contextmanager
def announced(page: Page, reach: Reach) -> Iterator[str]:
    """Serve a page, and say where it is. Yields the address.

    Raises
    ------
    InputError
        Where the port cannot be had, or the machine is in no network.
    ImportError
        Where a certificate is needed and trustme is missing.
    """
    host = lan_address() if reach.lan else LOOPBACK
    context: ssl.SSLContext | None = certificate(host) if reach.lan and not reach.http else None
    with contextlib.ExitStack() as stack:
        port, token = stack.enter_context(serving(page, host, reach.port, context))
        scheme = "http" if context is None else "https"
        url = f"{scheme}://{host}:{port}/{token}/"
        _say("Ctrl-C ends this")
        _say(f"open {url}")
        if context is not None:
            _say(
                "the browser will warn of the certificate: it was made now, for this run, and nobody "
                "vouches for it; choose to go on (Advanced, Proceed). Only so does it give this page "
                "camera, threads and WebGPU"
            )
        elif reach.lan:
            _say(
                "by plain http there is no camera, no threads and no WebGPU: one thread of WebAssembly "
                "is measured"
            )
        if not reach.lan:
            serials = stack.enter_context(adb_reversed(port))
            if serials:
                _say(f"phones behind adb ({', '.join(serials)}): http://localhost:{port}/{token}/")
            else:
                _say("only this machine can open it: --lan is for phones on the same network")
        if reach.lan or sys.stderr.isatty():
            code = qr_code(url)
            if code is None:
                _say(f"for a QR code: {install('browser')}")
            else:
                print(code, file=sys.stderr, flush=True)
        yield url


def wait_for_interrupt() -> None:
    """Wait until Ctrl-C, which ends what is served and is no failure."""
    with contextlib.suppress(KeyboardInterrupt):
        while not threading.Event().wait(3600):
            pass


def _say(text: str) -> None:
    print(f"edge-edet: {text}", file=sys.stderr, flush=True)
