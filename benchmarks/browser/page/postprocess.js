/**
 * From raw outputs to boxes, as edge_edet/detection/postprocess does it: select, decode, clip, suppress.
 */

/** @typedef {import("./types.js").ModelSpec} ModelSpec */
/** @typedef {import("./types.js").OutputSpec} OutputSpec */
/** @typedef {import("./types.js").Placement} Placement */
/** @typedef {import("./types.js").Detection} Detection */
/** @typedef {import("./types.js").Outputs} Outputs */

const LARGEST_CODE = 80; // of a box's size: exp of more than that covers everything all the same

/**
 * @param {Outputs} outputs role -> values, as the model gave them
 * @param {ModelSpec} model
 * @param {Float32Array | null} anchors [N, 4] centre y, centre x, height, width; null: the graph suppresses
 * @param {Placement} placement
 * @param {number} [threshold] replaces the model's own
 * @returns {Detection[]} best first, boxes xmin ymin xmax ymax in pixels of the picture
 */
export function postprocess(outputs, model, anchors, placement, threshold) {
  const least = Math.fround(threshold ?? model.postprocess.score_threshold);
  if (anchors) return ofCodes(outputs, model, anchors, placement, least);
  return ofGraph(outputs, model, placement, least);
}

/**
 * @param {Outputs} outputs boxes [K, 4] ymin xmin ymax xmax as fractions of the input, classes, scores, count
 * @param {ModelSpec} model
 * @param {Placement} placement
 * @param {number} least
 * @returns {Detection[]}
 */
function ofGraph(outputs, model, placement, least) {
  const { boxes, classes, scores, count } = outputs;
  const n = Math.max(0, Math.min(Math.trunc(count[0]), scores.length));
  const found = [];
  for (let at = 0; at < n; at++) {
    if (!(scores[at] > least)) continue;
    const [ymin, xmin, ymax, xmax] = boxes.subarray(at * 4, at * 4 + 4);
    const { width, height } = model.input;
    const box = inPicture(xmin * width, ymin * height, xmax * width, ymax * height, placement);
    if (box) found.push({ box, score: scores[at], class_id: Math.trunc(classes[at]) });
  }
  return best(found).slice(0, model.postprocess.max_detections);
}

/**
 * @param {Outputs} outputs boxes: codes [N, 4] ty tx th tw; classes: logits [N, C]
 * @param {ModelSpec} model
 * @param {Float32Array} anchors
 * @param {Placement} placement
 * @param {number} least
 * @returns {Detection[]}
 */
function ofCodes(outputs, model, anchors, placement, least) {
  const { boxes: codes, classes: logits } = outputs;
  const boxGrid = model.outputs.boxes;
  const logitGrid = model.outputs.classes;
  const lowest = leastRaw(least, logitGrid);
  const numClasses = model.num_classes;
  /** @type {{anchor: number, class_id: number, raw: number}[]} */
  const chosen = [];
  for (let anchor = 0, at = 0; anchor < anchors.length / 4; anchor++) {
    let raw = -Infinity;
    let classId = 0;
    for (let one = 0; one < numClasses; one++, at++) {
      if (logits[at] > raw) {
        raw = logits[at];
        classId = one;
      }
    }
    if (raw >= lowest) chosen.push({ anchor, class_id: classId, raw });
  }
  chosen.sort((one, other) => other.raw - one.raw);
  const found = [];
  for (const { anchor, class_id, raw } of chosen.slice(0, model.postprocess.candidates)) {
    const score = sigmoid(real(raw, logitGrid));
    if (!(score > least)) continue;
    const at = anchor * 4;
    const [ty, tx, th, tw] = [0, 1, 2, 3].map((n) => real(codes[at + n], boxGrid));
    const y = ty * anchors[at + 2] + anchors[at];
    const x = tx * anchors[at + 3] + anchors[at + 1];
    const halfHeight = Math.exp(Math.min(th, LARGEST_CODE)) * anchors[at + 2] * 0.5;
    const halfWidth = Math.exp(Math.min(tw, LARGEST_CODE)) * anchors[at + 3] * 0.5;
    const box = inPicture(x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight, placement);
    if (box) found.push({ box, score, class_id });
  }
  return suppress(found, model);
}

/**
 * Hard suppression, class by class; a box goes when it overlaps a better one by more than the threshold.
 * @param {Detection[]} found best first
 * @param {ModelSpec} model
 * @returns {Detection[]}
 */
function suppress(found, model) {
  const { iou_threshold: most, per_class: perClass, max_detections: all } = model.postprocess;
  /** @type {Map<number, Detection[]>} */
  const keptOf = new Map();
  const kept = [];
  for (const one of found) {
    const others = keptOf.get(one.class_id) ?? [];
    keptOf.set(one.class_id, others);
    if (others.length >= perClass || others.some((other) => overlap(one.box, other.box) > most)) continue;
    others.push(one);
    kept.push(one);
  }
  return kept.slice(0, all);
}

/**
 * @param {number[]} one xmin ymin xmax ymax
 * @param {number[]} other
 * @returns {number} intersection over union
 */
export function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  if (!(width > 0 && height > 0)) return 0;
  const both = width * height;
  const area = (/** @type {number[]} */ box) => (box[2] - box[0]) * (box[3] - box[1]);
  return both / (area(one) + area(other) - both);
}

/**
 * @param {number} xmin in input pixels
 * @param {number} ymin
 * @param {number} xmax
 * @param {number} ymax
 * @param {Placement} placement
 * @returns {number[] | null} in pixels of the picture, clipped to it; null without an area
 */
function inPicture(xmin, ymin, xmax, ymax, placement) {
  const clip = (/** @type {number} */ value, /** @type {number} */ size) =>
    Math.max(0, Math.min(value, size));
  const box = [
    clip(xmin / placement.scaleX, placement.width),
    clip(ymin / placement.scaleY, placement.height),
    clip(xmax / placement.scaleX, placement.width),
    clip(ymax / placement.scaleY, placement.height),
  ];
  return box[2] > box[0] && box[3] > box[1] ? box : null;
}

/**
 * A raw logit that every score above the threshold reaches, so that others need no sigmoid.
 * @param {number} least
 * @param {OutputSpec} grid
 */
function leastRaw(least, grid) {
  if (least <= 0) return -Infinity;
  if (least >= 1) return Infinity;
  const logit = Math.log(least) - Math.log1p(-least) - 1e-3; // rounding is checked on the score
  return grid.scale === null ? logit : Math.floor(logit / grid.scale) + grid.zero_point;
}

/**
 * @param {number} raw
 * @param {OutputSpec} grid
 */
function real(raw, grid) {
  return grid.scale === null ? raw : Math.fround(Math.fround(grid.scale) * (raw - grid.zero_point));
}

/** @param {number} x */
function sigmoid(x) {
  return Math.fround(1 / (1 + Math.exp(-x)));
}

/** @param {Detection[]} found */
function best(found) {
  return found.sort((one, other) => other.score - one.score); // stable
}
