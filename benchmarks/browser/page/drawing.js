/** Boxes over a picture. */

/** @typedef {import("./types.js").Detection} Detection */

const COLOURS = ["#e4572e", "#17a398", "#9d6bff", "#e3b505", "#3a86ff", "#ff5fa2"];

/**
 * @param {HTMLElement} element a canvas
 * @param {Blob} picture
 * @param {Detection[]} detections
 * @param {(string | null)[]} labels
 */
export async function drawBoxes(element, picture, detections, labels) {
  const canvas = /** @type {HTMLCanvasElement} */ (element);
  const bitmap = await createImageBitmap(picture);
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.hidden = false;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  paint(context, detections, labels);
}

/**
 * @param {CanvasRenderingContext2D} context in pixels of the picture
 * @param {Detection[]} detections
 * @param {(string | null)[]} labels
 */
export function paint(context, detections, labels) {
  const size = Math.max(12, Math.round(context.canvas.width / 40));
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "top";
  context.lineWidth = Math.max(2, size / 6);
  for (const { box, score, class_id } of detections) {
    const colour = COLOURS[class_id % COLOURS.length];
    const [xmin, ymin, xmax, ymax] = box;
    context.strokeStyle = colour;
    context.strokeRect(xmin, ymin, xmax - xmin, ymax - ymin);
    const text = `${nameOf(class_id, labels)} ${Math.round(score * 100)}%`;
    const width = context.measureText(text).width + size / 2;
    const top = Math.max(0, ymin - size * 1.3);
    context.fillStyle = colour;
    context.fillRect(xmin, top, width, size * 1.3);
    context.fillStyle = "#fff";
    context.fillText(text, xmin + size / 4, top + size * 0.15);
  }
}

/**
 * @param {number} classId
 * @param {(string | null)[]} labels
 */
export function nameOf(classId, labels) {
  return labels[classId] ?? `class ${classId}`;
}
