"""Times LiteRT.js, ONNX Runtime Web and tfjs-tflite in one page of Chromium, turn by turn with LiteRT here.

`python tests/browser/compare_runtimes.py FOLDER` with the files of `edge-edet convert --int8 --fp32 d0
--weights bundled --to tflite,onnx --outputs float32 --nms none -o FOLDER`. Prints the figures of
docs/decisions/0016-browser.md, one thread each. npm fetches the packages into build/.
"""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import tempfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from edge_edet.devices.litertjs import find_litertjs

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "onnxruntime-web@1.30.0",
    "@tensorflow/tfjs@4.22.0",
    "@tensorflow/tfjs-tflite@0.0.1-alpha.10",
)
INT8, FP32, ONNX = "d0-int8-float32-outputs.tflite", "d0-fp32.tflite", "d0-fp32.onnx"
ROUNDS, MOST_S = 21, 900
PAGE = """<!doctype html><title>runtimes</title>
<script src="/npm/@tensorflow/tfjs/dist/tf.min.js"></script>
<script src="/npm/@tensorflow/tfjs-tflite/dist/tf-tflite.min.js"></script>
<script type="module">
const size = 512 * 512 * 3, shape = [1, 512, 512, 3];
const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
const runs = {}, times = {}, notes = [];
const litert = await import("/litertjs/index.js");
self.Module = { locateFile: (name) => `/litertjs/wasm/${name}` };
await litert.loadLiteRt("/litertjs/wasm/");
const tried = async (name, make) => {
  try { runs[name] = await make(); await runs[name](); }
  catch (error) { delete runs[name]; notes.push(`${name}: ${error}`.split("\\n")[0]); }
};
for (const [kind, file] of [["int8", "INT8"], ["float", "FP32"]]) {
  await tried(`litertjs ${kind}`, async () => {
    const model = await litert.loadAndCompile(
      await bytes(`/models/${file}`), { accelerator: "wasm", cpuOptions: { numThreads: 1 } });
    return async () => {
      const input = new litert.Tensor(new Uint8Array(size).fill(90), shape);
      for (const one of await model.run([input])) { await one.data(); one.delete(); }
      input.delete();
    };
  });
  await tried(`tfjs-tflite ${kind}`, async () => {
    tflite.setWasmPath("/npm/@tensorflow/tfjs-tflite/wasm/");
    const model = await tflite.loadTFLiteModel(`/models/${file}`, { numThreads: 1 });
    const input = tf.fill(shape, 90, "int32");
    return async () => {
      for (const one of Object.values(model.predict(input))) { one.dataSync(); one.dispose(); }
    };
  });
  runs[`native ${kind}`] = async () => Number(await (await fetch(`/native/${file}`)).text());
}
await tried("onnxruntime-web float", async () => {
  const ort = await import("/npm/onnxruntime-web/dist/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create("/models/ONNX", { executionProviders: ["wasm"] });
  const input = new ort.Tensor("uint8", new Uint8Array(size).fill(90), shape);
  return async () => { await session.run({ [session.inputNames[0]]: input }); };
});
for (const name in runs) times[name] = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(runs)) {
    const start = performance.now();
    const told = await run();
    times[name].push(told ?? performance.now() - start);
  }
}
window.found = { times, notes };
</script>"""


class Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }
    places: ClassVar[dict[str, Path]] = {}
    native: ClassVar[dict[str, Any]] = {}

    def translate_path(self, path: str) -> str:
        _, place, *rest = path.split("/", 2)
        return str(self.places.get(place, ROOT / "nothing") / (rest or [""])[0])

    def do_GET(self) -> None:
        if self.path == "/":
            return self.say(PAGE, "text/html")
        if self.path.startswith("/native/"):
            start = time.perf_counter()
            self.native[self.path.rpartition("/")[2]].invoke()
            return self.say(str((time.perf_counter() - start) * 1e3), "text/plain")
        return super().do_GET()

    def say(self, text: str, kind: str) -> None:
        for name, value in (
            ("INT8", INT8),
            ("FP32", FP32),
            ("ONNX", ONNX),
            ("ROUNDS", str(ROUNDS)),
        ):
            text = text.replace(name, value)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


def loaded(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    interpreter.set_tensor(given["index"], np.full(given["shape"], 90, given["dtype"]))
    return interpreter


def main(models: Path) -> None:
    npm = ROOT / "build" / "browser-runtimes"
    npm.mkdir(parents=True, exist_ok=True)
    (npm / "package.json").write_text("{}")
    flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps"]
    subprocess.run(["npm", "install", "--silent", *flags, *PACKAGES], cwd=npm, check=True)
    Handler.places = {"npm": npm / "node_modules", "models": models, "litertjs": find_litertjs()}
    Handler.native = {name: loaded(models / name) for name in (INT8, FP32)}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    driving = runpy.run_path(str(ROOT / "tests" / "report" / "browser.py"))
    with (
        tempfile.TemporaryDirectory() as profile,
        driving["Browser"](driving["find_chromium"](), Path(profile)) as browser,
    ):
        browser.open(f"http://127.0.0.1:{server.server_port}/", 800, 600)
        end = time.monotonic() + MOST_S
        while time.monotonic() < end and not browser.run("Boolean(window.found)"):
            time.sleep(1)
        found = browser.run("window.found")
    for note in found["notes"]:
        print("left out:", note)
    times = {name: np.array(samples) for name, samples in found["times"].items()}
    for name, samples in times.items():
        kind = name.rpartition(" ")[2]
        base = times[f"litertjs {kind}"]
        ratio, least = np.median(samples / base), samples.min() / base.min()
        print(
            f"{name:22} median {np.median(samples):7.1f} ms, least {samples.min():7.1f} ms; to LiteRT.js "
            f"{ratio:.2f} (median of rounds), {least:.2f} (least)"
        )
    print(json.dumps({"rounds": ROUNDS}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
