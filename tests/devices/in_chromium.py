"""LiteRT.js on a page in Chromium: loads a .tflite, runs it once, and says what came out or why not."""

from __future__ import annotations

import functools
import json
import runpy
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from edge_edet.devices.litertjs import find_litertjs

DRIVER = Path(__file__).resolve().parents[1] / "report" / "browser.py"
WAIT_S = 240.0
PAGE = """<!doctype html><script type="module">
import {loadLiteRt, loadAndCompile, Tensor} from "/index.js";
async function work() {
  await loadLiteRt("/wasm/");
  const model = await loadAndCompile("/model.tflite", {accelerator: "wasm"});
  const [image] = model.getInputDetails();
  const kinds = {uint8: Uint8Array, int8: Int8Array, float32: Float32Array};
  const shape = Array.from(image.shape);
  const values = new kinds[image.dtype](shape.reduce((a, b) => a * b));
  const outputs = await model.run([new Tensor(values, shape)]);
  const found = [];
  for (const one of outputs) {
    const data = await one.data();
    found.push({name: data.constructor.name, length: data.length});
  }
  return found;
}
work().then(found => { window.answer = JSON.stringify({found}); },
            error => { window.answer = JSON.stringify({error: String(error.message || error)}); });
</script>"""


class LiteRtJsError(Exception):
    """What LiteRT.js said."""


def run(path: Path) -> list[dict[str, Any]]:
    """Type and length of each output of one run on black. Raises LiteRtJsError where it refuses."""
    told = json.loads(
        shown({"/": PAGE.encode(), "/model.tflite": path.read_bytes()}, "window.answer")
    )
    if "error" in told:
        raise LiteRtJsError(told["error"])
    found: list[dict[str, Any]] = told["found"]
    return found


def shown(files: dict[str, bytes], expression: str) -> str:
    """What an expression is on the page "/" of these files, as soon as it is not empty.

    Raises ImportError without Chromium, EdgeEdetError without LiteRT.js.
    """
    driver = runpy.run_path(str(DRIVER))
    program = driver["find_chromium"]()
    if program is None:
        raise ImportError("Chromium is not installed")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        _served(files) as address,
        driver["Browser"](program, Path(profile)) as browser,
    ):
        browser.open(address, 400, 300)
        ended = time.monotonic() + WAIT_S
        while not (answer := browser.run(f"{expression} || ''")):
            if time.monotonic() > ended:
                raise TimeoutError(f"no answer after {WAIT_S:g} s: {browser.events[-3:]}")
            time.sleep(0.1)
    return str(answer)


@contextmanager
def _served(files: dict[str, bytes]) -> Iterator[str]:
    """The files, and LiteRT.js as it is found, on loopback."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            # where npm would have put the package
            self.path = self.path.replace("/node_modules/@litertjs/core/dist/", "/")
            self.path = self.path.replace("/node_modules/@litertjs/core/wasm/", "/wasm/")
            body = files.get(self.path)
            if body is None:
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if self.path == "/" else "application/x")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(find_litertjs()))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
