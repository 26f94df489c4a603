"""The float network says what effdet says of a picture, and would not if the picture came in wrongly.

The seeded weights have batch norm statistics fitted to textured pictures (golden/make_fitted.py), so that
the outputs depend on the picture as those of trained weights do. With seeded statistics they hardly do:
swapped channels move D0's goldens of test_parity_effdet.py by 1e-3 to 1e-1 of their spread, and those of
the automl and zylo117 families by 1e-6 to 4e-4, which is near their tolerance of 1e-4.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import onnxruntime as ort
import openvino as ov
import pytest

from edge_edet.converters.write.onnx.write import write_onnx
from edge_edet.converters.write.openvino.lower import OpenVinoLowering
from edge_edet.network.architecture import parameter_shapes
from edge_edet.network.build import BOX_CODES, CLASS_LOGITS, IMAGE, build_network
from edge_edet.variants import VARIANTS

GOLDEN = Path(__file__).parent / "golden"
seeded_weights = runpy.run_path(str(GOLDEN / "seeded.py"))["seeded_weights"]
fitted = runpy.run_path(str(GOLDEN / "fitted.py"))
FloatNetwork = runpy.run_path(str(GOLDEN / "float_network.py"))["FloatNetwork"]

# Of the output's spread. float32 moves the reference itself by up to 1e-5.
TOLERANCE = 1e-4
LOUD = 0.1  # root mean square over all values of an output and a level

# What may be done wrongly to a normalized picture x [1, S, S, 3] of a variant v.
MISTAKES = {
    "channels swapped": lambda x, v: x[..., ::-1],
    "times std": lambda x, v: x * np.float32(v.std),
    "not divided by std": lambda x, v: x * np.float32(v.std) / 255,
    "one pixel to the right": lambda x, v: np.roll(x, 1, axis=2),
    "one pixel down": lambda x, v: np.roll(x, 1, axis=1),
    "mean of 0": lambda x, v: x + np.float32(v.mean) / np.float32(v.std),
    "mean off by 30 levels": lambda x, v: x + 30 / np.float32(v.std),
    "turned over": lambda x, v: x[:, :, ::-1],
}


@pytest.fixture(scope="module", params=["d0", "d1", "lite0"])
def golden(request):
    with np.load(GOLDEN / f"fitted_{request.param}.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    variant = VARIANTS[request.param].replace(image_size=int(arrays["image_size"]))
    seeded = seeded_weights(parameter_shapes(variant))
    weights = fitted["fitted_weights"](seeded, arrays["means"], arrays["widths"])
    return variant, weights, arrays


def by_level(variant, outputs):
    """(kind, level) -> raveled values."""
    counts = [variant.anchors_per_position * h * w for h, w in variant.feature_sizes]
    starts = np.cumsum([0, *counts])
    return {
        (kind, level): rows[starts[place] : starts[place + 1]].ravel()
        for kind, rows in zip(("class", "box"), outputs, strict=True)
        for place, level in enumerate(variant.levels)
    }


def in_litert(variant, weights, picture):
    return FloatNetwork(variant, weights)(picture)


def in_openvino(variant, weights, picture):
    model = OpenVinoLowering(build_network(variant, weights), "fp32").lower()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2}
    request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()
    request.infer([picture])
    return [request.get_tensor(name).data[0].copy() for name in (CLASS_LOGITS, BOX_CODES)]


def in_onnxruntime(variant, weights, picture):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    model = write_onnx(build_network(variant, weights), {})
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [values[0] for values in session.run([CLASS_LOGITS, BOX_CODES], {IMAGE: picture})]


@pytest.mark.parametrize("run", [in_litert, in_openvino, in_onnxruntime])
def test_outputs_of_a_picture_equal_the_reference(golden, run):
    variant, weights, arrays = golden
    picture = fitted["textured_picture"](variant.image_size, 0)
    errors = {}
    for (kind, level), values in by_level(variant, run(variant, weights, picture)).items():
        place = variant.levels.index(level)
        step, spread = (arrays[f"{kind}_{what}"][place] for what in ("step", "spread"))
        errors[kind, level] = abs(values[::step] - arrays[f"{kind}_{level}"]).max() / spread
    print(f"{variant.name} {run.__name__}: worst error {max(errors.values()):.1e} of the spread")
    assert max(errors.values()) <= TOLERANCE, errors


def test_a_picture_that_comes_in_wrongly_is_seen(golden):
    variant, weights, _ = golden
    network = FloatNetwork(variant, weights, normalized=True)
    pixels = fitted["textured_picture"](variant.image_size, 0)
    picture = (pixels - np.float32(variant.mean)) / np.float32(variant.std)
    right = by_level(variant, network(picture))
    for mistake, change in MISTAKES.items():
        wrong = by_level(
            variant, network(np.ascontiguousarray(change(picture, variant), np.float32))
        )
        moved = {
            key: np.sqrt(np.mean((wrong[key] - right[key]) ** 2)) / right[key].std()
            for key in right
        }
        print(f"{variant.name} {mistake}: {min(moved.values()):.2f} to {max(moved.values()):.2f}")
        assert min(moved.values()) > LOUD, (mistake, moved)
