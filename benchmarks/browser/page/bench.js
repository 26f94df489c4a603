/** The page of `edge-edet bench --browser`: one way of running after the other, each result posted at once. */

import { Client } from "./client.js";
import { factsOfDevice } from "./device.js";
import { drawBoxes } from "./drawing.js";
import { base, get, post } from "./server.js";
import { enough, median } from "./statistics.js";

/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").Way} Way */
/** @typedef {import("./types.js").Times} Times */
/** @typedef {import("./types.js").Detection} Detection */
/** @typedef {import("./device.js").Facts} Facts */

const MINUTE_MS = 60_000;
const PROGRESS_MS = 1000;
const STAGES = /** @type {const} */ (["decode", "preprocess", "inference", "postprocess", "end_to_end"]);

/** @param {string} id */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const nameField = /** @type {HTMLInputElement} */ (at("name"));

/** When the tab was hidden: its samples are left out, and the row says so. */
class Visibility {
  /** @type {{at_s: number, seconds: number}[]} */
  pauses = [];
  #start = performance.now();
  #hidden = document.hidden ? performance.now() : null;

  constructor() {
    this.listener = () => this.#changed();
    document.addEventListener("visibilitychange", this.listener);
  }

  #changed() {
    const now = performance.now();
    if (document.hidden) this.#hidden = now;
    else if (this.#hidden !== null) {
      this.pauses.push({
        at_s: (this.#hidden - this.#start) / 1000,
        seconds: (now - this.#hidden) / 1000,
      });
      this.#hidden = null;
    }
  }

  get hidden() {
    return document.hidden;
  }

  close() {
    document.removeEventListener("visibilitychange", this.listener);
  }
}

/** @param {string} text */
const connection = (text) => {
  at("connection").textContent = text;
};

/** @type {Job} */
let job;
/** @type {Facts} */
let facts;
/** @type {any} a wake lock; null where there is none */
let awake = null;

async function prepare() {
  job = await (await get("job.json")).json();
  facts = await factsOfDevice();
  nameField.value = sessionStorage.getItem("name") ?? facts.model ?? facts.platform ?? "";
  at("models").textContent = job.models.map((model) => model.name).join(", ");
  at("browser").textContent = facts.browser;
  const missing = [...job.lacks];
  if (!facts.secure) {
    missing.push(
      "This address is plain http, which browsers do not trust: no camera, no threads, no WebGPU, no wake lock. One thread of WebAssembly is measured.",
    );
  } else if (!facts.isolated) {
    missing.push("This page is not isolated from other origins, so that there are no threads.");
  }
  if (facts.secure && facts.webgpu === null) missing.push("This browser gives no WebGPU adapter.");
  for (const text of missing) {
    const item = document.createElement("li");
    item.textContent = text;
    at("lacks").append(item);
  }
  at("start").removeAttribute("disabled");
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    run().catch(failed);
  });
}

/** @param {unknown} error */
function failed(error) {
  at("status").textContent = `It stopped: ${error instanceof Error ? error.message : error}`;
}

async function run() {
  const name = nameField.value.trim();
  if (!name) {
    at("status").textContent = "Give this device a name first.";
    nameField.focus();
    return;
  }
  at("start").setAttribute("disabled", "");
  nameField.readOnly = true;
  at("status").textContent = "";
  const known = sessionStorage.getItem("device");
  let hello;
  try {
    hello = await post("hello", { name, device: known, facts }, connection);
  } catch (error) {
    at("start").removeAttribute("disabled"); // another name may be taken
    nameField.readOnly = false;
    throw error;
  }
  sessionStorage.setItem("name", name);
  sessionStorage.setItem("device", hello.device);
  awake = await keepAwake();
  document.addEventListener("visibilitychange", async () => {
    if (!document.hidden && awake?.released) awake = await keepAwake(); // hiding the page ends it
  });
  addEventListener("pagehide", () => {
    const body = new Blob([JSON.stringify({ device: hello.device })], { type: "application/json" });
    navigator.sendBeacon(`${base}bye`, body);
  });
  for (const way of job.ways) {
    if (hello.done.includes(way.number)) continue;
    await measureWay(way, hello.device);
  }
  await post("done", { device: hello.device }, connection);
  at("status").textContent = "Done. The results are with the computer that shows the address.";
  at("status").dataset.done = "yes";
  await awake?.release();
}

/** @returns {Promise<any>} a wake lock; null where there is none */
async function keepAwake() {
  try {
    return await /** @type {any} */ (navigator).wakeLock.request("screen");
  } catch {
    return null;
  }
}

/**
 * Why this way cannot run here; null where it can.
 * @param {Way} way
 */
function lacking(way) {
  if (way.threads > 1 && !facts.isolated) return "threads need a page that is isolated from other origins";
  if (way.threads > 1 && (facts.cores ?? 1) < 2) return "this device tells of one core only";
  if (way.delegate === "webgpu" && facts.webgpu === null) return "this browser gives no WebGPU adapter";
  return null;
}

/**
 * @param {Way} way
 * @param {string} device
 */
async function measureWay(way, device) {
  const model = job.models[way.model];
  const threads = way.threads > 1 ? Math.min(way.threads, facts.cores ?? 1) : 1;
  const item = shown(`${model.name}, ${way.delegate}${threads > 1 ? `, ${threads} threads` : ""}`);
  const lack = lacking(way);
  if (lack !== null) {
    item.textContent = `not here: ${lack}`;
    await post("failed", { device, way: way.number, skipped: true, reason: lack }, connection);
    return;
  }
  const builds = buildsOf(way);
  for (const [place, build] of builds.entries()) {
    const client = new Client();
    try {
      await measureWith(client, way, threads, build, device, item);
      return;
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).slice(0, 300);
      if (place < builds.length - 1) {
        item.textContent = `the ${build} build failed (${reason}), trying the other one`;
        continue;
      }
      item.textContent = `failed: ${reason}`;
      await post("failed", { device, way: way.number, skipped: false, reason }, connection);
    } finally {
      client.close();
    }
  }
}

/**
 * The builds of LiteRT.js to try. On WebGPU the plain build loads some files that it cannot run.
 * @param {Way} way
 * @returns {string[]}
 */
function buildsOf(way) {
  if (way.threads > 1) return ["threaded"];
  if (way.delegate === "wasm") return ["plain"];
  const both = way.delegate === "webgpu" ? ["plain", "jspi"] : ["jspi", "plain"];
  return facts.jspi ? both : ["plain"];
}

/**
 * @param {Client} client
 * @param {Way} way
 * @param {number} threads
 * @param {string} build
 * @param {string} device
 * @param {HTMLElement} item
 */
async function measureWith(client, way, threads, build, device, item) {
  const model = job.models[way.model];
  const started_at = `${new Date().toISOString().slice(0, 19)}+00:00`;
  item.textContent = "loading";
  const loaded = await client.load(model, way.delegate, threads, build);
  const parity = [];
  for (const url of job.parity) {
    const picture = await (await get(url)).blob();
    const { detections } = await client.detect(picture);
    parity.push(detections.map(({ box, score, class_id }) => ({ box, score, class_id })));
    await drawBoxes(at("picture"), picture, detections, model.labels);
  }
  const pictures = await Promise.all(job.pictures.map(async (url) => (await get(url)).blob()));
  const common = {
    device,
    way: way.number,
    started_at,
    load_ms: loaded.load_ms,
    evidence: loaded.evidence,
    parity,
    wake_lock: awake !== null && !awake.released,
  };
  const visibility = new Visibility();
  let turn = 0;
  const step = async () => {
    while (visibility.hidden) {
      item.textContent = "paused: the page is hidden";
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const pauses = visibility.pauses.length;
    const { times } = await client.detect(pictures[turn++ % pictures.length]);
    // What ran while the page was hidden does not count.
    return visibility.hidden || visibility.pauses.length > pauses ? null : times;
  };
  const tell = progress(device, way, item);
  try {
    const { rule } = job;
    const start = performance.now();
    for (let n = 0; n < rule.warmup || performance.now() - start < rule.warmup_s * 1000; n++) await step();
    const sampled = job.sustain_s === null ? await sample(step, tell) : await sustain(step, tell, common);
    const heap_bytes = await client.heap();
    const pauses = visibility.pauses;
    const row = { ...common, samples_ms: sampled, heap_bytes, pauses };
    await post("row", row, connection);
    const middle = median(sampled.inference).toFixed(1);
    item.textContent = `${middle} ms inference, ${median(sampled.end_to_end).toFixed(1)} ms in all (${loaded.evidence.ran})`;
  } finally {
    visibility.close();
  }
}

/** @typedef {() => Promise<Times | null>} Step */
/** @typedef {(done: number, total: number | null) => void} Tell */

function emptySamples() {
  return /** @type {Record<typeof STAGES[number], number[]>} */ (
    Object.fromEntries(STAGES.map((stage) => [stage, /** @type {number[]} */ ([])]))
  );
}

/**
 * @param {Step} step
 * @param {Tell} tell
 */
async function sample(step, tell) {
  const samples = emptySamples();
  const start = performance.now();
  do {
    const times = await step();
    if (times === null) continue;
    for (const stage of STAGES) samples[stage].push(round(times[stage]));
    tell(samples.end_to_end.length, job.rule.max_samples);
  } while (!enough(job.rule, samples.end_to_end, (performance.now() - start) / 1000));
  return samples;
}

/**
 * Without a pause; each minute is posted when it is over. All stages of the first minute are returned.
 * @param {Step} step
 * @param {Tell} tell
 * @param {{device: string, way: number}} common
 */
async function sustain(step, tell, common) {
  const { device, way } = common;
  const seconds = /** @type {number} */ (job.sustain_s);
  // The run does not wait for the network: a device cools down meanwhile.
  let sent = post("begun", common, connection);
  sent.catch(() => {});
  const first = emptySamples();
  const start = performance.now();
  /** @type {number[]} */
  let minute = [];
  let count = 0;
  for (let number = 1, over = false; !over; ) {
    const times = await step();
    const elapsed = performance.now() - start;
    if (times !== null) {
      minute.push(round(times.end_to_end));
      if (number === 1) for (const stage of STAGES) first[stage].push(round(times[stage]));
      tell(++count, null);
    }
    over = elapsed >= seconds * 1000;
    if (over || elapsed >= MINUTE_MS * number) {
      const content = { device, way, number, samples_ms: minute };
      if (minute.length) sent = sent.then(() => post("minute", content, connection));
      sent.catch(() => {}); // it is waited for below
      minute = [];
      number = Math.max(number + 1, Math.floor(elapsed / MINUTE_MS) + 1); // hidden minutes have no samples
    }
  }
  await sent;
  return first;
}

/**
 * @param {string} device
 * @param {Way} way
 * @param {HTMLElement} item
 * @returns {Tell}
 */
function progress(device, way, item) {
  let last = -Infinity;
  return (done, total) => {
    const now = performance.now();
    if (now - last < PROGRESS_MS) return;
    last = now;
    item.textContent = `${done} samples`;
    const body = JSON.stringify({ device, way: way.number, done, total });
    // Not waited for, and not repeated: the next one says the same.
    fetch(`${base}progress`, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(
      () => {},
    );
  };
}

/** @param {number} ms */
const round = (ms) => Math.round(Math.max(ms, 0) * 1e4) / 1e4;

/**
 * A new line of the list; returns where its state stands.
 * @param {string} title
 */
function shown(title) {
  const item = document.createElement("li");
  const strong = document.createElement("strong");
  strong.textContent = title;
  const state = document.createElement("span");
  item.append(strong, state);
  at("ways").append(item);
  return state;
}

prepare().catch(failed);
