"""Run the reference on seeded weights whose batch norms are fitted to pictures: goldens that see them.

    reference/bin/python tests/golden/make_fitted.py [variant ...]

The environment is that of make_effdet.py. Writes fitted_NAME.npz beside this file: the statistics in
steps (fitted.py) in the order of the batch norms' names, the image size, and of one of the pictures the
outputs as in make_effdet.py. Each batch norm gets the statistics of what reaches it, in one run over
PICTURES pictures, in the order of the network.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from fitted import norms_of, statistics_of, steps_of, textured_picture
from make_effdet import import_effdet, sampled, state_shapes
from seeded import seeded_weights

from edge_edet.variants import VARIANTS

HERE = Path(__file__).parent
SIZES = {"d0": 256, "d1": 384, "lite0": 320}  # small, with odd levels
PICTURES = 8
CLASS_VALUES, BOX_VALUES = 800, 400


def normalized(variant, seeds) -> torch.Tensor:
    """[n, 3, h, w] float32, as effdet's loader has it."""
    pixels = np.concatenate([textured_picture(variant.image_size, seed) for seed in seeds])
    real = (pixels - np.float32(variant.mean)) / np.float32(variant.std)
    return torch.from_numpy(real.transpose(0, 3, 1, 2).copy())


def fit(model, pictures) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Sets the statistics of each batch norm when its input comes by; name -> their steps."""
    found = {}

    def hook(name, module, inputs):
        values = inputs[0].double()
        mean, variance = values.mean((0, 2, 3)), values.var((0, 2, 3), correction=0)
        found[name] = steps_of(mean.numpy(), variance.sqrt().numpy())
        stored = zip(
            (module.running_mean, module.running_var), statistics_of(*found[name]), strict=True
        )
        for buffer, rounded in stored:
            buffer.copy_(torch.from_numpy(rounded))

    hooks = [
        module.register_forward_pre_hook(lambda m, x, name=name: hook(name, m, x))
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    ]
    with torch.no_grad():
        model(pictures)
    for one in hooks:
        one.remove()
    return found


def make(effdet, name: str) -> tuple[dict[str, np.ndarray], float]:
    """The arrays of one golden file but for the versions, and how far float32 rounds them."""
    size = SIZES[name]
    variant = VARIANTS[name].replace(image_size=size)
    model = effdet.create_model(
        f"tf_efficientdet_{name}",
        pretrained=False,
        pretrained_backbone=False,
        num_classes=variant.num_classes,
        image_size=(size, size),
    ).eval()
    shapes = state_shapes(model)
    weights = seeded_weights(shapes)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    steps = fit(model, normalized(variant, range(PICTURES)))
    assert steps.keys() == norms_of(shapes).keys()
    picture = normalized(variant, [0])
    with torch.no_grad():
        plain = dict(zip(("class", "box"), model(picture), strict=True))
        exact = dict(zip(("class", "box"), model.double()(picture.double()), strict=True))
    golden = sampled(plain, variant.levels, CLASS_VALUES, BOX_VALUES)
    double = sampled(exact, variant.levels, CLASS_VALUES, BOX_VALUES)
    rounding = max(
        abs(golden[f"{kind}_{level}"] - double[f"{kind}_{level}"]).max() / spread
        for kind in ("class", "box")
        for level, spread in zip(variant.levels, golden[f"{kind}_spread"], strict=True)
    )
    for key, place in (("means", 0), ("widths", 1)):
        golden[key] = np.concatenate([steps[name][place] for name in norms_of(shapes)])
    return golden | {"image_size": np.array(size)}, float(rounding)


def main() -> int:
    parser = argparse.ArgumentParser(description="write the goldens of fitted statistics")
    parser.add_argument("variants", nargs="*", default=SIZES)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    effdet, versions = import_effdet()
    print(json.dumps(versions))
    for name in arguments.variants:
        golden, rounding = make(effdet, name)
        path = HERE / f"fitted_{name}.npz"
        np.savez_compressed(path, versions=json.dumps(versions), **golden)
        print(
            f"{name}: {path.stat().st_size:,} bytes, float32 is off by {rounding:.1e} of the spread; "
            f"spread of classes {golden['class_spread']}, of boxes {golden['box_spread']}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
