// The worker that runs the model. A classic one: LiteRT.js needs importScripts.

/** @typedef {import("./engine.js").Engine} Engine */

/** @type {Engine | null} */
let engine = null;

self.onmessage = async (event) => {
  const { id, kind, ...given } = event.data;
  try {
    const result = await answer(kind, given);
    self.postMessage({ id, result });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    self.postMessage({ id, error: text.split("\n")[0] || "it failed without a reason" });
  }
};

/**
 * @param {string} kind
 * @param {any} given
 * @returns {Promise<any>}
 */
async function answer(kind, given) {
  const code = await import("./engine.js");
  if (kind === "load") {
    const made = await code.Engine.load(
      given.base,
      given.model,
      given.accelerator,
      given.threads,
      given.build,
    );
    engine = made.engine;
    return made.loaded;
  }
  if (!engine) throw new Error("no model is loaded");
  if (kind === "heap") return engine.heapBytes;
  return engine.detect(given.picture, given.threshold);
}
