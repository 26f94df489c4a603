/** What the browser tells of the device, and what it can really do: truthy objects prove nothing. */

/** @typedef {{user_agent: string, browser: string, platform: string | null, model: string | null,
 *   architecture: string | null, mobile: boolean | null, screen: [number, number], pixel_ratio: number,
 *   cores: number | null, memory_gib: number | null, secure: boolean, isolated: boolean,
 *   timer_step_ms: number, webgpu: string | null, webnn: boolean, jspi: boolean}} Facts */

/** @returns {Promise<Facts>} */
export async function factsOfDevice() {
  const nav = /** @type {any} */ (navigator);
  /** @type {any} */
  let hints = {};
  try {
    const wanted = ["model", "platformVersion", "architecture", "fullVersionList"];
    hints = (await nav.userAgentData?.getHighEntropyValues(wanted)) ?? {}; // only in secure contexts
  } catch {
    hints = {};
  }
  const platform = [hints.platform, hints.platformVersion].filter(Boolean).join(" ");
  return {
    user_agent: navigator.userAgent.slice(0, 400),
    browser: browserName(hints.fullVersionList, navigator.userAgent),
    platform: platform || null,
    model: hints.model || null,
    architecture: hints.architecture || null,
    mobile: hints.mobile ?? null,
    screen: [screen.width, screen.height],
    pixel_ratio: window.devicePixelRatio,
    cores: navigator.hardwareConcurrency || null,
    memory_gib: nav.deviceMemory ?? null,
    secure: window.isSecureContext,
    isolated: window.crossOriginIsolated,
    timer_step_ms: timerStep(),
    webgpu: await webgpuAdapter(),
    webnn: await hasWebnn(),
    jspi: "Suspending" in WebAssembly,
  };
}

/**
 * @param {{brand: string, version: string}[] | undefined} list
 * @param {string} agent
 */
function browserName(list, agent) {
  const real = list?.filter((one) => !/not.?a.?brand/i.test(one.brand)) ?? [];
  const one = real.find((each) => each.brand !== "Chromium") ?? real[0];
  if (one) return `${one.brand} ${one.version}`;
  const found = /(Firefox|Edg|OPR|SamsungBrowser|Chrome|CriOS|FxiOS|Version)\/([\d.]+)/.exec(agent);
  if (!found) return "unknown";
  return `${found[1] === "Version" ? "Safari" : found[1]} ${found[2]}`;
}

/** The smallest step that the clock was seen to take, ms. */
function timerStep() {
  let least = Infinity;
  const end = performance.now() + 20;
  for (let before = performance.now(), now = before; now < end; now = performance.now()) {
    if (now > before) least = Math.min(least, now - before);
    before = now;
  }
  return Number.isFinite(least) ? Number(least.toFixed(4)) : 20;
}

/** @returns {Promise<string | null>} the adapter's name; null: `navigator.gpu` alone means nothing */
async function webgpuAdapter() {
  try {
    const adapter = await /** @type {any} */ (navigator).gpu?.requestAdapter();
    if (!adapter) return null;
    const info = adapter.info ?? {};
    const words = [info.vendor, info.architecture, info.device, info.description].filter(Boolean);
    return words.join(" ").slice(0, 200) || "an adapter without a name";
  } catch {
    return null;
  }
}

async function hasWebnn() {
  try {
    return Boolean(await /** @type {any} */ (navigator).ml?.createContext());
  } catch {
    return false;
  }
}
