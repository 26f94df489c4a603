/**
 * LiteRT.js with one model: loads it, runs it, and finds out what it really ran on.
 *
 * Runs in a classic worker: LiteRT.js loads its WebAssembly by importScripts, which module workers lack.
 * What it says about itself is not relied on: with 2.5.3 `isFullyAccelerated` is false for plain wasm, and
 * a model that was asked onto WebNN calls itself "webnn" where the CPU runs it. Calls of the browser's own
 * interfaces are counted instead.
 */

import { postprocess } from "./postprocess.js";
import { preprocess } from "./preprocess.js";

/** @typedef {import("./types.js").ModelSpec} ModelSpec */
/** @typedef {import("./types.js").Evidence} Evidence */
/** @typedef {import("./types.js").Loaded} Loaded */
/** @typedef {import("./types.js").Detection} Detection */
/** @typedef {import("./types.js").Times} Times */
/** @typedef {"plain" | "threaded" | "jspi"} Build */

const MOST_SEEN = 20; // lines of the console
const LONGEST = 200;

/** How often the browser's own interfaces were called. */
const calls = { workers: 0, gpu: 0, webnn: 0 };
/** @type {string[]} */
const lines = [];

/**
 * Count the calls of a method.
 * @param {any} owner a prototype; undefined where this browser has none
 * @param {string} name
 * @param {"gpu" | "webnn"} counter
 */
function counted(owner, name, counter) {
  const method = owner?.prototype?.[name];
  if (!method) return;
  /** @this {any} @param {...any} given */
  owner.prototype[name] = function (...given) {
    calls[counter]++;
    return method.apply(this, given);
  };
}

function watch() {
  const scope = /** @type {any} */ (self);
  counted(scope.GPUComputePassEncoder, "dispatchWorkgroups", "gpu");
  counted(scope.GPUComputePassEncoder, "dispatchWorkgroupsIndirect", "gpu");
  counted(scope.MLContext, "dispatch", "webnn");
  const { Worker: Original } = scope;
  if (Original) {
    scope.Worker = class extends Original {
      /** @param {...any} given */
      constructor(...given) {
        super(...given);
        calls.workers++;
      }
    };
  }
  // LiteRT.js writes what is only information to console.error, so that none of it is an error here.
  for (const level of /** @type {("log" | "warn" | "error")[]} */ (["log", "warn", "error"])) {
    const write = console[level].bind(console);
    console[level] = (...given) => {
      write(...given);
      const line = given
        .map(String)
        .join(" ")
        .replace(/%c|background:[^;]*;[^%]*/g, "");
      if (lines.length < MOST_SEEN) lines.push(line.trim().slice(0, LONGEST));
    };
  }
}

export class Engine {
  /** @type {any} */ #library;
  /** @type {any} */ #compiled;
  /** @type {ModelSpec} */ #model;
  /** @type {Float32Array | null} */ #anchors;
  /** @type {string[]} roles in the order of the outputs */ #roles = [];
  /** @type {OffscreenCanvasRenderingContext2D | null} */ #canvas = null;

  /**
   * @param {any} library
   * @param {any} compiled
   * @param {ModelSpec} model
   * @param {Float32Array | null} anchors
   */
  constructor(library, compiled, model, anchors) {
    this.#library = library;
    this.#compiled = compiled;
    this.#model = model;
    this.#anchors = anchors;
    const names = compiled.getOutputDetails().map((/** @type {any} */ one) => one.name);
    const roles = Object.entries(model.outputs);
    for (const name of names) {
      const role = roles.find(([, spec]) => spec.name === name);
      if (!role) throw new Error(`the model has an output ${name} that nothing is known of`);
      this.#roles.push(role[0]);
    }
  }

  /**
   * @param {string} base address of the job
   * @param {ModelSpec} model
   * @param {"wasm" | "webgpu" | "webnn"} accelerator
   * @param {number} threads
   * @param {Build} build
   * @returns {Promise<{engine: Engine, loaded: Loaded}>} load_ms: LiteRT.js fetched and started, the model compiled
   */
  static async load(base, model, accelerator, threads, build) {
    if (build === "threaded" && !self.crossOriginIsolated) {
      // LiteRT.js 2.5.3 hangs there, or fails without a reason.
      throw new Error("threads need a page that is isolated from other origins, and this one is not");
    }
    watch();
    const fetched = await Promise.all([bytesOf(base + model.url), anchorsOf(base, model)]);
    const start = performance.now();
    const wasm = `${base}litertjs/wasm/`;
    const scope = /** @type {any} */ (self);
    // The script is looked for beside the worker otherwise.
    scope.Module = {
      locateFile: (/** @type {string} */ name) => wasm + name,
      mainScriptUrlOrBlob: `${wasm}litert_wasm_threaded_internal.js`,
    };
    const library = await import(`${base}litertjs/index.js`);
    const options = { plain: {}, threaded: { threads: true }, jspi: { jspi: true } }[build];
    const runtime = await library.loadLiteRt(wasm, options);
    const compiled = await library.loadAndCompile(fetched[0], {
      accelerator,
      cpuOptions: { numThreads: threads },
    });
    const engine = new Engine(library, compiled, model, fetched[1]);
    const load_ms = performance.now() - start;
    const { gpu, webnn } = calls;
    const { input } = model;
    const size = input.height * input.width * 3;
    await engine.#infer(input.dtype === "uint8" ? new Uint8Array(size) : new Float32Array(size));
    const heap = runtime.liteRtWasm.HEAPU8;
    const shared = typeof SharedArrayBuffer !== "undefined" && heap.buffer instanceof SharedArrayBuffer;
    const seen = [
      `${calls.gpu - gpu} dispatches to WebGPU and ${calls.webnn - webnn} to WebNN in one inference`,
      `${calls.workers} workers, heap ${shared ? "shared" : "not shared"}`,
      ...lines,
    ];
    const ran = calls.webnn > webnn ? "webnn" : calls.gpu > gpu ? "webgpu" : "wasm";
    /** @type {Evidence} */
    const evidence = {
      ran,
      threads: shared ? Math.min(threads, calls.workers) : 1,
      build,
      device: ran === "webgpu" ? adapterName(library.getWebGpuDevice()) : null,
      fully: Boolean(compiled.isFullyAccelerated),
      seen,
    };
    return { engine, loaded: { load_ms, evidence, heap_bytes: heap.length } };
  }

  /** The heap of WebAssembly; what browsers tell of their memory leaves it out. */
  get heapBytes() {
    return this.#library.getGlobalLiteRt().liteRtWasm.HEAPU8.length;
  }

  /**
   * One picture, its stages timed apart.
   * @param {Blob | ImageBitmap} picture
   * @param {number} [threshold]
   * @returns {Promise<{detections: Detection[], times: Times}>}
   */
  async detect(picture, threshold) {
    const start = performance.now();
    const { data, width, height } = await this.#pixels(picture);
    const decoded = performance.now();
    const { tensor, placement } = preprocess(data, width, height, this.#model.input);
    const prepared = performance.now();
    const outputs = await this.#infer(tensor);
    const inferred = performance.now();
    const detections = postprocess(outputs, this.#model, this.#anchors, placement, threshold);
    const end = performance.now();
    const times = {
      decode: decoded - start,
      preprocess: prepared - decoded,
      inference: inferred - prepared,
      postprocess: end - inferred,
      end_to_end: end - start,
    };
    return { detections, times };
  }

  /**
   * Run the model and read its outputs: a GPU's call alone returns before they are there.
   * @param {Uint8Array | Float32Array} tensor
   * @returns {Promise<import("./types.js").Outputs>}
   */
  async #infer(tensor) {
    const { height, width } = this.#model.input;
    const input = new this.#library.Tensor(tensor, [1, height, width, 3]);
    try {
      const results = await this.#compiled.run([input]);
      /** @type {import("./types.js").Outputs} */
      const outputs = {};
      for (const [place, result] of results.entries()) {
        outputs[this.#roles[place]] = await result.data();
        result.delete();
      }
      return outputs;
    } finally {
      input.delete();
    }
  }

  /**
   * @param {Blob | ImageBitmap} picture
   * @returns {Promise<ImageData>} upright RGBA
   */
  async #pixels(picture) {
    const bitmap = picture instanceof Blob ? await createImageBitmap(picture) : picture;
    const { width, height } = bitmap;
    if (this.#canvas?.canvas.width !== width || this.#canvas.canvas.height !== height) {
      const canvas = new OffscreenCanvas(width, height);
      this.#canvas = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
      if (!this.#canvas) throw new Error("this browser has no canvas in workers: take a newer one");
    }
    this.#canvas.drawImage(bitmap, 0, 0);
    bitmap.close();
    return this.#canvas.getImageData(0, 0, width, height);
  }
}

/** @param {string} url */
async function bytesOf(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${new URL(url).pathname.split("/").pop()} answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * @param {string} base
 * @param {ModelSpec} model
 * @returns {Promise<Float32Array | null>}
 */
async function anchorsOf(base, model) {
  return model.anchors === null ? null : new Float32Array((await bytesOf(base + model.anchors)).buffer);
}

/** @param {any} device */
function adapterName(device) {
  const info = device?.adapterInfo ?? {};
  const words = [info.vendor, info.architecture, info.device, info.description].filter(Boolean);
  return words.join(" ") || "an adapter without a name";
}
