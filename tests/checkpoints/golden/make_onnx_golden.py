"""Writes the ONNX goldens of this folder: a narrow EfficientDet of effdet, exported by both exporters.

    python -m venv reference
    reference/bin/pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
    reference/bin/pip install --no-deps torchvision==0.28.0
    reference/bin/pip install effdet==0.4.1 timm==1.0.31 onnx==1.23.2 onnxscript==0.7.2
    reference/bin/pip install --no-deps --editable .
    reference/bin/python tests/checkpoints/golden/make_onnx_golden.py [case ...]

For each case CASE.onnx (and CASE.onnx.data), compressed, and CASE.npz: every 7th value of effdet's own
outputs for a normalized picture, class_LEVEL and box_LEVEL in the order of NHWC, raveled. What
exporters note about each operator's origin is removed: half of the file, and paths of a machine.
"""

import gzip
import importlib.metadata
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "golden"))
from make_effdet import import_effdet, state_shapes  # noqa: E402
from seeded import seeded_weights  # noqa: E402

effdet, versions = import_effdet()  # before timm, which needs torchvision as well
from timm.models import register_model  # noqa: E402
from timm.models.efficientnet import _gen_efficientnet, _gen_efficientnet_lite  # noqa: E402

STEP = 7
SIZE, WIDTH, DEPTH, CHANNELS, CELLS, HEAD_REPEATS = 128, 0.1, 0.3, 12, 2, 2
GAINS = {"backbone": 1.2, "fpn": 1.4, "class_net": 1.15, "box_net": 1.15}
TORCHSCRIPT, DYNAMO = {"dynamo": False, "opset_version": 17}, {"dynamo": True}
# case: model whose kind it is, classes, how it is exported. 4 classes: both heads are of one shape.
# "own" cases are effdet's models for PyTorch: efficientdet_lite0 pads its pools as TensorFlow does.
CASES = {
    "torchscript": ("tf_efficientdet_d0", 4, TORCHSCRIPT),
    "torchscript_unfolded": ("tf_efficientdet_d0", 2, TORCHSCRIPT | {"do_constant_folding": False}),
    "torchscript_sum": ("tf_efficientdet_d6", 2, TORCHSCRIPT),
    "torchscript_own": ("efficientdet_d0", 2, TORCHSCRIPT),
    "dynamo_own": ("efficientdet_d0", 2, DYNAMO | {"external_data": False}),
    "torchscript_own_lite": ("efficientdet_lite0", 2, TORCHSCRIPT),
    "dynamo": ("tf_efficientdet_d0", 4, DYNAMO | {"external_data": False}),
    "dynamo_external": ("tf_efficientdet_d0", 2, DYNAMO),
}


@register_model
def narrow(pretrained=False, **options):
    return _gen_efficientnet("narrow", channel_multiplier=WIDTH, depth_multiplier=DEPTH, **options)


@register_model
def narrow_lite(pretrained=False, **options):
    return _gen_efficientnet_lite(
        "narrow_lite", channel_multiplier=WIDTH, depth_multiplier=DEPTH, **options
    )


def build(name: str, classes: int):
    config = effdet.get_efficientdet_config(name)
    config.backbone_name = "narrow_lite" if "lite" in name else "narrow"
    config.image_size, config.num_classes = (SIZE, SIZE), classes
    if name.startswith("tf_"):
        config.backbone_args = dict(config.backbone_args) | {"pad_type": "same", "bn_eps": 1e-3}
    config.fpn_channels, config.fpn_cell_repeats, config.box_class_repeats = (
        CHANNELS,
        CELLS,
        HEAD_REPEATS,
    )
    model = effdet.EfficientDet(config, pretrained_backbone=False).eval()
    weights = seeded_weights(state_shapes(model), GAINS)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    return model


def without_origins(path: Path) -> None:
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.value_info,
        *graph.initializer,
        *graph.input,
        *graph.output,
    ):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    del graph.value_info[:]
    path.write_bytes(model.SerializeToString(deterministic=True))


def main() -> None:
    tools = {name: importlib.metadata.version(name) for name in ("onnx", "onnxscript")}
    print(versions | tools)
    picture = np.random.default_rng(1).normal(0, 1, (1, 3, SIZE, SIZE)).astype(np.float32)
    folder = Path(tempfile.mkdtemp())
    for case, (name, classes, options) in CASES.items():
        if sys.argv[1:] and case not in sys.argv[1:]:
            continue
        model = build(name, classes)
        path = folder / f"{case}.onnx"
        torch.onnx.export(model, (torch.from_numpy(picture),), path, **options)
        without_origins(path)
        for written in folder.glob(f"{case}.onnx*"):
            packed = gzip.compress(written.read_bytes(), 9, mtime=0)
            (HERE / f"onnx/{written.name}.gz").write_bytes(packed)
        with torch.no_grad():
            outputs = zip(("class", "box"), model(torch.from_numpy(picture)), strict=True)
        arrays = {
            f"{kind}_{level}": output.permute(0, 2, 3, 1).numpy().ravel()[::STEP]
            for kind, levels in outputs
            for level, output in enumerate(levels, 3)
        }
        np.savez_compressed(HERE / f"onnx/{case}.npz", **arrays)


if __name__ == "__main__":
    main()
