/** When there are enough samples: the rule of benchmarks/measuring/sampling.py. */

/** @typedef {import("./types.js").Rule} Rule */

const Z95 = 1.959963984540054;
const CHECK_EVERY = 10;

/**
 * @param {number[]} samples
 * @returns {number} linear between the two nearest
 */
export function median(samples) {
  const ordered = [...samples].sort((one, other) => one - other);
  const place = (ordered.length - 1) / 2;
  return (ordered[Math.floor(place)] + ordered[Math.ceil(place)]) / 2;
}

/**
 * Width of the 95 % interval of the median, relative to the median; order statistics, as rows/stats.py.
 * @param {number[]} samples
 * @returns {number | null} null below 6 samples
 */
export function relativeWidth(samples) {
  const n = samples.length;
  if (n < 6) return null;
  const ordered = [...samples].sort((one, other) => one - other);
  const half = (Z95 * Math.sqrt(n)) / 2;
  const low = Math.max(Math.floor(n / 2 - half), 1);
  const high = Math.min(Math.ceil(n / 2 + half) + 1, n);
  const middle = median(samples);
  return middle > 0 ? (ordered[high - 1] - ordered[low - 1]) / middle : 0;
}

/**
 * @param {Rule} rule
 * @param {number[]} samples end to end, ms
 * @param {number} seconds since the first began
 */
export function enough(rule, samples, seconds) {
  const n = samples.length;
  if (n < rule.min_samples) return false;
  if (n >= rule.max_samples || seconds >= rule.max_s) return true;
  if ((n - rule.min_samples) % CHECK_EVERY) return false;
  const width = relativeWidth(samples);
  return width !== null && width <= rule.relative_width;
}
