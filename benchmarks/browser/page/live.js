/** The page of `edge-edet live`: the camera's picture with what was found in it. Nothing is posted. */

import { Client } from "./client.js";
import { factsOfDevice } from "./device.js";
import { nameOf, paint } from "./drawing.js";
import { get } from "./server.js";

/** @typedef {import("./types.js").Detection} Detection */
/** @typedef {import("./types.js").ModelSpec} ModelSpec */

const THREADS = 4;
const LAST = 20; // frames that the rate is of
const SAY_MS = 3000; // between two sentences for a screen reader

/** @param {string} id */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const view = /** @type {HTMLCanvasElement} */ (at("view"));
const slider = /** @type {HTMLInputElement} */ (at("threshold"));
const choice = /** @type {HTMLSelectElement} */ (at("way"));
const video = document.createElement("video");
const frame = document.createElement("canvas"); // the picture that the boxes are of

/** @type {ModelSpec} */
let model;
/** @type {Client | null} */
let client = null;
let facing = "environment";
let frozen = false;
let round = 0; // of the loop: a newer one ends the older
let said = 0;

/** @param {string} text */
const say = (text) => {
  at("status").textContent = text;
};

/** @param {unknown} error */
const failed = (error) => say(error instanceof Error ? error.message : String(error));

async function prepare() {
  const job = await (await get("job.json")).json();
  [model] = job.models;
  at("model").textContent = model.name;
  slider.min = String(model.postprocess.score_threshold);
  slider.value = String(job.threshold);
  showThreshold();
  slider.addEventListener("input", showThreshold);
  const facts = await factsOfDevice();
  /** @type {string[]} */
  const missing = [...job.lacks];
  if (!facts.secure || !navigator.mediaDevices) {
    missing.push(
      "There is no camera here: browsers give one only to https and to localhost. Start edge-edet live with --lan and without --http, or connect the phone by adb.",
    );
  }
  for (const text of missing) {
    const item = document.createElement("li");
    item.textContent = text;
    at("lacks").append(item);
  }
  const threads = Math.min(THREADS, facts.cores ?? 1);
  const ways = [["wasm 1", "CPU, 1 thread"]];
  if (facts.isolated && threads > 1) ways.unshift([`wasm ${threads}`, `CPU, ${threads} threads`]);
  if (facts.webgpu !== null) ways.push(["webgpu 1", `GPU: ${facts.webgpu}`]);
  for (const [value, text] of ways) choice.add(new Option(text, value));
  choice.addEventListener("change", () => load().catch(failed));
  at("turn").addEventListener("click", turn);
  at("freeze").addEventListener("click", freeze);
  at("save").addEventListener("click", save);
  at("start").addEventListener("click", () => begin().catch(failed));
  addEventListener("keydown", pressed);
  if (facts.secure && navigator.mediaDevices) at("start").removeAttribute("disabled");
}

function showThreshold() {
  at("least").textContent = Number(slider.value).toFixed(2);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === choice) return;
  const button = { c: "turn", f: "freeze", s: "save" }[event.key.toLowerCase()];
  if (button !== undefined) /** @type {HTMLButtonElement} */ (at(button)).click();
}

async function begin() {
  at("start").setAttribute("disabled", "");
  try {
    await camera();
    await load();
  } catch (error) {
    at("start").removeAttribute("disabled");
    throw error;
  }
  at("start").hidden = true;
  for (const id of ["turn", "freeze", "save"]) at(id).removeAttribute("disabled");
}

async function camera() {
  for (const track of /** @type {MediaStream | null} */ (video.srcObject)?.getTracks() ?? []) track.stop();
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: facing, width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError") throw new Error("The camera was not allowed: allow it for this page.");
    if (name === "NotFoundError") throw new Error("This device has no camera.");
    throw error;
  }
  video.muted = true;
  video.playsInline = true;
  await video.play();
}

/** Load the model for the chosen way, and look at the camera from then on. */
async function load() {
  const own = ++round;
  client?.close();
  const fresh = new Client();
  client = fresh;
  say("loading the model");
  const [delegate, count] = choice.value.split(" ");
  const threads = Number(count);
  const loaded = await fresh.load(model, delegate, threads, threads > 1 ? "threaded" : "plain");
  if (own !== round) return;
  const { ran } = loaded.evidence;
  say(ran === delegate ? "" : `${delegate} was asked for, and ${ran} runs`);
  watch(own, fresh).catch((error) => {
    if (own === round) failed(error);
  });
}

/**
 * @param {number} own
 * @param {Client} worker
 */
async function watch(own, worker) {
  /** @type {number[]} */
  const ends = [];
  while (own === round) {
    if (frozen || document.hidden || !video.videoWidth) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ends.length = 0;
      continue;
    }
    const start = performance.now();
    frame.width = video.videoWidth;
    frame.height = video.videoHeight;
    /** @type {CanvasRenderingContext2D} */ (frame.getContext("2d")).drawImage(video, 0, 0);
    const { detections } = await worker.detect(await createImageBitmap(frame), Number(slider.value));
    if (own !== round || frozen) continue;
    show(detections);
    const end = performance.now();
    ends.push(end);
    if (ends.length > LAST) ends.shift();
    at("latency").textContent = (end - start).toFixed(0);
    if (ends.length > 1) {
      at("rate").textContent = ((1000 * (ends.length - 1)) / (end - ends[0])).toFixed(1);
    }
  }
}

/** @param {Detection[]} detections */
function show(detections) {
  view.width = frame.width;
  view.height = frame.height;
  const context = /** @type {CanvasRenderingContext2D} */ (view.getContext("2d"));
  context.drawImage(frame, 0, 0);
  paint(context, detections, model.labels);
  at("count").textContent = String(detections.length);
  const now = performance.now();
  if (now - said < SAY_MS) return;
  said = now;
  view.setAttribute("aria-label", `The camera picture: ${sentence(detections)}`);
}

/** @param {Detection[]} detections */
function sentence(detections) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { class_id } of detections) {
    const name = nameOf(class_id, model.labels);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ") || "nothing found";
}

function turn() {
  facing = facing === "environment" ? "user" : "environment";
  camera().catch(failed);
}

function freeze() {
  frozen = !frozen;
  at("freeze").setAttribute("aria-pressed", String(frozen));
  at("freeze").textContent = frozen ? "Go on (F)" : "Freeze (F)";
}

function save() {
  view.toBlob((data) => {
    if (data === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(data);
    link.download = `edge-edet-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.png`;
    link.click();
    URL.revokeObjectURL(link.href);
    say(`saved as ${link.download}`);
  }, "image/png");
}

prepare().catch(failed);
