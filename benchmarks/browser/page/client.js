/** The worker from the page's side: each call is a message with its answer. */

/** @typedef {import("./types.js").Loaded} Loaded */
/** @typedef {import("./types.js").Detection} Detection */
/** @typedef {import("./types.js").Times} Times */
/** @typedef {import("./types.js").ModelSpec} ModelSpec */

const LOAD_S = 180; // a phone compiles WebAssembly for long; a build that hangs must end
const RUN_S = 120;

export class Client {
  #worker = new Worker(new URL("./worker.js", import.meta.url)); // classic
  #number = 0;
  /** @type {Map<number, (answer: any) => void>} */
  #waiting = new Map();

  constructor() {
    this.#worker.onmessage = (event) => this.#waiting.get(event.data.id)?.(event.data);
    this.#worker.onerror = (event) => {
      const error = event.message || "the worker stopped";
      for (const answer of this.#waiting.values()) answer({ error });
    };
  }

  /**
   * @param {ModelSpec} model
   * @param {string} accelerator
   * @param {number} threads
   * @param {string} build
   * @returns {Promise<Loaded>}
   */
  load(model, accelerator, threads, build) {
    const base = new URL("../", import.meta.url).href;
    return this.#ask("load", { base, model, accelerator, threads, build }, LOAD_S);
  }

  /**
   * @param {Blob | ImageBitmap} picture a bitmap is handed over
   * @param {number} [threshold]
   * @returns {Promise<{detections: Detection[], times: Times}>}
   */
  detect(picture, threshold) {
    const moved = picture instanceof Blob ? [] : [picture];
    return this.#ask("detect", { picture, threshold }, RUN_S, moved);
  }

  /** @returns {Promise<number>} */
  heap() {
    return this.#ask("heap", {}, RUN_S);
  }

  close() {
    this.#worker.terminate();
    for (const answer of this.#waiting.values()) answer({ error: "it was ended" });
  }

  /**
   * @param {string} kind
   * @param {object} given
   * @param {number} seconds
   * @param {Transferable[]} [moved]
   * @returns {Promise<any>}
   */
  #ask(kind, given, seconds, moved = []) {
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`no answer within ${seconds} s`));
      }, seconds * 1000);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (answer.error === undefined) resolve(answer.result);
        else reject(new Error(answer.error));
      });
      this.#worker.postMessage({ id, kind, ...given }, moved);
    });
  }
}
