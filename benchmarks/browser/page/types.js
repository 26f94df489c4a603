/**
 * What the server sends and takes, for people and for tsc. benchmarks/browser/messages.py is the other side.
 *
 * @typedef {object} InputSpec
 * @property {string} name
 * @property {"uint8" | "float32"} dtype
 * @property {number} height
 * @property {number} width
 * @property {"letterbox" | "stretch"} fit
 * @property {[number, number, number]} pad colour beside the picture: LiteRT.js does not expose it
 *
 * @typedef {object} OutputSpec
 * @property {string} name
 * @property {"uint8" | "float32" | "int32"} dtype
 * @property {number | null} scale null: the values are real already
 * @property {number} zero_point
 *
 * @typedef {object} PostprocessSpec
 * @property {number} score_threshold
 * @property {number} iou_threshold
 * @property {number} candidates
 * @property {number} per_class
 * @property {number} max_detections
 *
 * @typedef {object} ModelSpec
 * @property {number} number
 * @property {string} name
 * @property {string} url
 * @property {string | null} anchors address of float32 [N, 4]; null: the graph suppresses
 * @property {string} precision
 * @property {InputSpec} input
 * @property {Record<string, OutputSpec>} outputs role -> tensor
 * @property {(string | null)[]} labels
 * @property {number} num_classes
 * @property {PostprocessSpec} postprocess
 *
 * @typedef {object} Way
 * @property {number} number
 * @property {number} model
 * @property {"wasm" | "webgpu" | "webnn"} delegate
 * @property {number} threads 1, or how many at most; a browser may have fewer
 * @property {boolean} asked by name: where it cannot run, that is a result
 *
 * @typedef {object} Rule
 * @property {number} warmup
 * @property {number} warmup_s
 * @property {number} min_samples
 * @property {number} relative_width
 * @property {number} max_samples
 * @property {number} max_s
 *
 * @typedef {object} Job
 * @property {string} tool
 * @property {string} litertjs
 * @property {ModelSpec[]} models
 * @property {Way[]} ways
 * @property {Rule} rule
 * @property {number | null} sustain_s
 * @property {string[]} pictures
 * @property {string[]} parity pictures whose boxes the server compares
 * @property {string[]} lacks what the address lacks, and why
 *
 * @typedef {object} Placement
 * @property {number} width of the picture
 * @property {number} height
 * @property {number} scaleX input pixel / picture pixel
 * @property {number} scaleY
 *
 * @typedef {object} Detection
 * @property {number[]} box xmin ymin xmax ymax
 * @property {number} score
 * @property {number} class_id
 *
 * @typedef {Record<string, Uint8Array | Float32Array | Int32Array>} Outputs
 *
 * @typedef {"decode" | "preprocess" | "inference" | "postprocess" | "end_to_end"} Stage
 * @typedef {Record<Stage, number>} Times in ms
 *
 * @typedef {object} Evidence what really ran
 * @property {"wasm" | "webgpu" | "webnn"} ran
 * @property {number} threads
 * @property {string} build of LiteRT.js
 * @property {string | null} device adapter, as the browser names it
 * @property {boolean} fully LiteRT.js's own word
 * @property {string[]} seen what it was decided by
 *
 * @typedef {object} Loaded
 * @property {number} load_ms
 * @property {Evidence} evidence
 * @property {number} heap_bytes
 */
export {};
