"""Run the reference implementation on seeded weights and keep a sample of what it says.

    python -m venv reference
    reference/bin/pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
    reference/bin/pip install --no-deps torchvision==0.28.0
    reference/bin/pip install effdet==0.4.1 timm==1.0.31
    reference/bin/pip install --no-deps --editable .
    reference/bin/python tests/golden/make_effdet.py [variant or effdet's model ...]

Writes effdet_NAME.npz beside this file, where d0 is tf_efficientdet_d0: for each pyramid level the
class logits and the box codes in the order of NHWC, raveled, every class_step-th and box_step-th
value, and the spread (standard deviation) of all values. Of effdet's models in MODELS also the names
and shapes of the state dict, the image size, and the variant that the model is read as.

--check compares the names and shapes of every variant with the reference's state dict, --double the
goldens with a run in double precision; both write nothing.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from seeded import seeded_weights

from edge_edet.network.architecture import parameter_shapes
from edge_edet.variants import VARIANTS

HERE = Path(__file__).parent
GOLDENS = ("d0", "d1", "d3", "d5", "d6", "d7", "d7x", "lite0", "lite3x", "lite4")
# effdet's models that are no port of TensorFlow's, or one with other training -> our variant
MODELS = {
    "efficientdet_d0": "d0",
    "efficientdet_d1": "d1",
    "efficientdet_lite0": "lite0",
    "tf_efficientdet_d0_ap": "d0",
}

# Gains that let the picture through. At gain 1 swish and the averages of fast fusion forget it: if
# every backbone feature of D3 grows by a tenth, its outputs move by 1e-4 of their spread or less.
# With these gains they move by 4 % to 70 %, and the spreads of all levels lie between 0.2 and 80.
FAST = {"backbone": 1.2, "fpn": 1.4, "class_net": 1.15, "box_net": 1.15}
DEEP = {"backbone": 1.15, "fpn": 0.9, "class_net": 1.1, "box_net": 1.1}
GAINS = dict.fromkeys(("d0", "d1", "d3", "d5", *MODELS), FAST)
GAINS |= {"d6": DEEP, "d7": DEEP, "d7x": DEEP}
CLASS_VALUES, BOX_VALUES = 1500, 600  # at most so many of a level: a file stays below 60 KB


def import_effdet():
    """effdet needs torchvision, whose C++ operators a wheel for another torch build lacks.

    Nothing here calls them, but torchvision registers their shape functions when it is imported.
    """
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    torchvision.operators = library  # a library that is collected takes its operators along
    import effdet

    packages = ("torch", "torchvision", "timm", "effdet", "numpy")
    versions = {package: importlib.metadata.version(package) for package in packages}
    return effdet, versions


def state_shapes(model) -> dict[str, tuple[int, ...]]:
    """Name -> shape of all that a checkpoint holds but the counters of training steps."""
    state = model.state_dict()
    return {k: tuple(v.shape) for k, v in state.items() if not k.endswith("num_batches_tracked")}


def build(effdet, name: str):
    """The reference's network of a variant, at our image size, or one of MODELS as it is."""
    options = {}
    if name in VARIANTS:
        size = VARIANTS[name].image_size
        options = {"num_classes": VARIANTS[name].num_classes, "image_size": (size, size)}
        name = f"tf_efficientdet_{name}"
    model = effdet.create_model(name, pretrained=False, pretrained_backbone=False, **options)
    return model.eval()


def differences(effdet, name: str) -> list[str]:
    """What the architecture table and the reference disagree on, one line each."""
    with torch.device("meta"):
        theirs = state_shapes(build(effdet, name))
    ours = parameter_shapes(VARIANTS[name])
    return [
        f"{name}: {key} is {ours.get(key)} here and {theirs.get(key)} in effdet"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]


def changed(effdet, name: str) -> list[str]:
    """What the stored golden of one of MODELS and the reference disagree on."""
    with torch.device("meta"):
        theirs = {key: list(shape) for key, shape in state_shapes(build(effdet, name)).items()}
    with np.load(HERE / f"effdet_{name}.npz") as stored:
        ours = json.loads(str(stored["state"]))
    return [] if ours == theirs else [f"{name}: the golden's state dict is not effdet's"]


def step_for(size: int, values: int) -> int:
    """The least prime that leaves at most so many; 7 or more shares no factor with the channels."""
    if size <= values:
        return 1
    step = max(7, -(-size // values))
    while any(step % divisor == 0 for divisor in range(2, int(step**0.5) + 1)):
        step += 1
    return step


def make(effdet, name: str, double: bool) -> dict[str, np.ndarray]:
    """The arrays of one golden file but for the versions."""
    model = build(effdet, name)
    size, variant = model.config.image_size[0], VARIANTS[MODELS.get(name, name)]
    shapes = state_shapes(model)
    weights = seeded_weights(shapes, GAINS.get(name))
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    image = np.random.default_rng(1).normal(0, 1, (1, size, size, 3)).astype(np.float32)
    picture = torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
    if double:
        model, picture = model.double(), picture.double()
    with torch.no_grad():
        outputs = dict(zip(("class", "box"), model(picture), strict=True))
    golden = sampled(outputs, variant.levels, CLASS_VALUES, BOX_VALUES)
    if name in MODELS:
        golden["state"] = np.array(json.dumps(shapes))
        golden["variant"], golden["image_size"] = np.array(variant.name), np.array(size)
    return golden


def sampled(outputs, levels, class_values: int, box_values: int) -> dict[str, np.ndarray]:
    """Of the outputs of each level at most so many values, the steps between them, and the spreads."""
    golden = {}
    for kind, values in (("class", class_values), ("box", box_values)):
        spreads, steps = [], []
        for level, output in zip(levels, outputs[kind], strict=True):
            flat = output.permute(0, 2, 3, 1).numpy().ravel()
            steps.append(step_for(flat.size, values))
            spreads.append(flat.std(dtype=np.float64))
            golden[f"{kind}_{level}"] = flat[:: steps[-1]].astype(np.float32)
        golden[f"{kind}_step"] = np.array(steps, np.int32)
        golden[f"{kind}_spread"] = np.array(spreads, np.float32)
    return golden


def worst_error(exact: dict[str, np.ndarray], name: str) -> float:
    """The largest error of the stored golden, in spreads of its level."""
    with np.load(HERE / f"effdet_{name}.npz") as stored:
        return max(
            float(abs(exact[f"{kind}_{level}"] - stored[f"{kind}_{level}"]).max() / spread)
            for kind in ("class", "box")
            for level, spread in zip(
                VARIANTS[MODELS.get(name, name)].levels, exact[f"{kind}_spread"], strict=True
            )
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="write the goldens of the reference")
    parser.add_argument("variants", nargs="*", default=(*GOLDENS, *MODELS))
    parser.add_argument("--check", action="store_true", help="compare names and shapes only")
    parser.add_argument("--double", action="store_true", help="measure the rounding, write nothing")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    effdet, versions = import_effdet()
    print(json.dumps(versions))
    if arguments.check:
        found = [line for name in VARIANTS for line in differences(effdet, name)]
        found += [line for name in MODELS for line in changed(effdet, name)]
        agree = f"names and shapes agree: {', '.join((*VARIANTS, *MODELS))}"
        print("\n".join(found) or agree)
        return 1 if found else 0
    for name in arguments.variants:
        start = time.perf_counter()
        golden = make(effdet, name, arguments.double)
        if arguments.double:
            print(f"{name}: float32 is off by {worst_error(golden, name):.1e} of the spread")
            continue
        gains = json.dumps(GAINS.get(name, {}))
        path = HERE / f"effdet_{name}.npz"
        np.savez_compressed(path, versions=json.dumps(versions), gains=gains, **golden)
        print(
            f"{name}: {path.stat().st_size:,} bytes, {time.perf_counter() - start:.0f} s, spread of"
            f" classes {golden['class_spread']}, of boxes {golden['box_spread']}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
