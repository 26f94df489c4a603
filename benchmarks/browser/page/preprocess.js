/**
 * From pixels to the input tensor, as edge_edet/detection/preprocess.py does it: averaged over blocks where
 * the picture is much larger, resized with a triangle filter that widens where the picture shrinks (Pillow's
 * BILINEAR), placed top left on padding.
 */

/** @typedef {import("./types.js").InputSpec} InputSpec */
/** @typedef {import("./types.js").Placement} Placement */

/**
 * Where each pixel of the result comes from, along one axis.
 * @typedef {object} Taps
 * @property {Int32Array} first index of the first source pixel of each result pixel
 * @property {Int32Array} count how many follow
 * @property {Float64Array} weights one after the other, `width` to a result pixel; together about ONE
 * @property {number} width
 */

/** @type {Map<string, Taps>} */
const known = new Map();
const ONE = 2 ** 22; // Pillow computes in integers with so many steps to 1, which decides ties
const MOST_KNOWN = 16; // pictures of many sizes must not fill the memory
const REDUCING_GAP = 1.25; // of edge_edet/detection/preprocess.py

/**
 * @param {number} from pixels of the source along the axis
 * @param {number} span how many of them become the result; the last block may be narrower
 * @param {number} to pixels of the result
 * @returns {Taps}
 */
function tapsOf(from, span, to) {
  const key = `${from} ${span} ${to}`;
  const found = known.get(key);
  if (found) return found;
  const scale = span / to;
  const reach = Math.max(scale, 1); // half the width of the triangle, in source pixels
  const width = Math.ceil(reach) * 2 + 1;
  const taps = {
    first: new Int32Array(to),
    count: new Int32Array(to),
    weights: new Float64Array(to * width),
    width,
  };
  for (let place = 0; place < to; place++) {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(from, Math.trunc(centre + reach + 0.5));
    let sum = 0;
    for (let at = first; at < last; at++) {
      const weight = Math.max(0, 1 - Math.abs((at - centre + 0.5) / reach));
      taps.weights[place * width + at - first] = weight;
      sum += weight;
    }
    for (let n = 0; n < last - first; n++) {
      const weight = taps.weights[place * width + n] / sum;
      taps.weights[place * width + n] = Math.trunc(weight * ONE + 0.5);
    }
    taps.first[place] = first;
    taps.count[place] = last - first;
  }
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, taps);
  return taps;
}

/**
 * Average over blocks, those at the right and lower edge over what there is of them: Pillow's Reduce.c,
 * with its rounding.
 * @param {Uint8ClampedArray} rgba [height, width, 4]
 * @param {number} width
 * @param {number} height
 * @param {number} across pixels of a block
 * @param {number} down
 * @returns {Uint8ClampedArray} [ceil(height / down), ceil(width / across), 4]
 */
function blocksOf(rgba, width, height, across, down) {
  const newWidth = Math.ceil(width / across);
  const newHeight = Math.ceil(height / down);
  const result = new Uint8ClampedArray(newWidth * newHeight * 4).fill(255);
  let out = 0;
  for (let top = 0; top < height; top += down) {
    const bottom = Math.min(height, top + down);
    for (let left = 0; left < width; left += across) {
      const right = Math.min(width, left + across);
      const count = (right - left) * (bottom - top);
      const half = Math.trunc(count / 2);
      let red = half;
      let green = half;
      let blue = half;
      for (let y = top; y < bottom; y++) {
        const end = (y * width + right) * 4;
        for (let at = (y * width + left) * 4; at < end; at += 4) {
          red += rgba[at];
          green += rgba[at + 1];
          blue += rgba[at + 2];
        }
      }
      const share = Math.trunc(2 ** 24 / count) / 2 ** 24;
      result[out] = Math.trunc(red * share);
      result[out + 1] = Math.trunc(green * share);
      result[out + 2] = Math.trunc(blue * share);
      out += 4;
    }
  }
  return result;
}

/**
 * Resize as Python does: by whole factors first, where the picture is larger by 2.5 times or more.
 * @param {Uint8ClampedArray} rgba [height, width, 4]
 * @param {number} width
 * @param {number} height
 * @param {number} newWidth
 * @param {number} newHeight
 * @returns {Uint8Array} [newHeight, newWidth, 3] RGB
 */
export function resizeRgb(rgba, width, height, newWidth, newHeight) {
  const across = Math.trunc(width / newWidth / REDUCING_GAP) || 1;
  const down = Math.trunc(height / newHeight / REDUCING_GAP) || 1;
  if (across === 1 && down === 1) {
    return filtered(rgba, tapsOf(width, width, newWidth), tapsOf(height, height, newHeight), width, height);
  }
  const left = Math.ceil(width / across);
  const high = Math.ceil(height / down);
  const columns = tapsOf(left, Math.fround(width / across), newWidth); // Pillow keeps its box in float32
  const rows = tapsOf(high, Math.fround(height / down), newHeight);
  return filtered(blocksOf(rgba, width, height, across, down), columns, rows, left, high);
}

/**
 * Resize along both axes, each rounded to 8 bits, width first as Pillow before 13.
 * @param {Uint8ClampedArray} rgba [height, width, 4]
 * @param {Taps} across
 * @param {Taps} down
 * @param {number} width
 * @param {number} height
 * @returns {Uint8Array} [newHeight, newWidth, 3] RGB
 */
function filtered(rgba, across, down, width, height) {
  const newWidth = across.first.length;
  const newHeight = down.first.length;
  const half = new Uint8Array(height * newWidth * 3);
  for (let y = 0; y < height; y++) {
    const row = y * width * 4;
    let out = y * newWidth * 3;
    for (let x = 0; x < newWidth; x++) {
      let red = ONE / 2;
      let green = ONE / 2;
      let blue = ONE / 2;
      let weight = x * across.width;
      let at = row + across.first[x] * 4;
      for (let n = across.count[x]; n > 0; n--) {
        const part = across.weights[weight++];
        red += part * rgba[at];
        green += part * rgba[at + 1];
        blue += part * rgba[at + 2];
        at += 4;
      }
      half[out++] = Math.min(255, red / ONE); // storing cuts off what is behind the point
      half[out++] = Math.min(255, green / ONE);
      half[out++] = Math.min(255, blue / ONE);
    }
  }
  const result = new Uint8Array(newHeight * newWidth * 3);
  const length = newWidth * 3;
  const sums = new Float64Array(length);
  for (let y = 0; y < newHeight; y++) {
    sums.fill(ONE / 2);
    for (let n = 0; n < down.count[y]; n++) {
      const part = down.weights[y * down.width + n];
      const row = (down.first[y] + n) * length;
      for (let x = 0; x < length; x++) sums[x] += part * half[row + x];
    }
    for (let x = 0, out = y * length; x < length; x++) result[out++] = Math.min(255, sums[x] / ONE);
  }
  return result;
}

/**
 * How large a picture lies in the input, and what takes boxes back to it.
 * @param {number} width of the picture
 * @param {number} height
 * @param {InputSpec} input
 * @returns {{newWidth: number, newHeight: number, placement: Placement}}
 */
export function placementOf(width, height, input) {
  if (input.fit === "stretch") {
    const placement = { width, height, scaleX: input.width / width, scaleY: input.height / height };
    return { newWidth: input.width, newHeight: input.height, placement };
  }
  const scale = Math.min(input.height / height, input.width / width);
  const newWidth = Math.min(input.width, Math.max(1, Math.trunc(width * scale + 0.5)));
  const newHeight = Math.min(input.height, Math.max(1, Math.trunc(height * scale + 0.5)));
  return { newWidth, newHeight, placement: { width, height, scaleX: scale, scaleY: scale } };
}

/**
 * The input tensor of a picture. A model in uint8 gets a Uint8Array: LiteRT.js takes no clamped array.
 * @param {Uint8ClampedArray} rgba [height, width, 4]
 * @param {number} width
 * @param {number} height
 * @param {InputSpec} input
 * @returns {{tensor: Uint8Array | Float32Array, placement: Placement}} tensor [1, height, width, 3] RGB
 */
export function preprocess(rgba, width, height, input) {
  const { newWidth, newHeight, placement } = placementOf(width, height, input);
  const scaled = resizeRgb(rgba, width, height, newWidth, newHeight);
  const size = input.height * input.width * 3;
  const tensor = input.dtype === "uint8" ? new Uint8Array(size) : new Float32Array(size);
  const [red, green, blue] = input.pad;
  for (let y = 0; y < input.height; y++) {
    const start = y * input.width * 3;
    let padFrom = 0;
    if (y < newHeight) {
      const row = y * newWidth * 3;
      tensor.set(scaled.subarray(row, row + newWidth * 3), start);
      padFrom = newWidth;
    }
    for (let at = start + padFrom * 3; at < start + input.width * 3; at += 3) {
      tensor[at] = red;
      tensor[at + 1] = green;
      tensor[at + 2] = blue;
    }
  }
  return { tensor, placement };
}
