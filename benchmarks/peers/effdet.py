"""effdet's own EfficientDet-D0 in PyTorch: exported to ONNX, or timed on demand.

    python effdet.py export WEIGHTS.safetensors SIZE OUTPUT.onnx
    python effdet.py serve  WEIGHTS.safetensors SIZE THREADS

A script, for a Python that has torch, timm and effdet. `serve` prints its versions in one line; then, for
each line on stdin, it runs once and prints the milliseconds.
"""

from __future__ import annotations

import importlib.metadata
import sys
import time
from typing import Any


def build(weights: str, size: int) -> Any:
    """Build effdet's model with the weights of a .safetensors file, for pictures of size x size."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in (
        "nms",
        "qnms",
    ):  # torchvision wants its C++ operators, which nothing here calls
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    torchvision.operators = library  # a library that is collected takes its operators along
    import effdet
    from safetensors.torch import load_file

    state = {name: values.float() for name, values in load_file(weights).items()}
    classes = state["class_net.predict.conv_pw.weight"].shape[0] // 9
    model = effdet.create_model(
        "tf_efficientdet_d0",
        pretrained=False,
        pretrained_backbone=False,
        num_classes=classes,
        image_size=(size, size),
    )
    missing, unknown = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert not missing, f"no weights for {missing[:3]}"
    assert not unknown, f"unknown weights {unknown[:3]}"
    return model.eval()


def main() -> None:
    """Run the command of the command line."""
    import torch

    torch.manual_seed(0)
    command, weights, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    versions = f"torch {torch.__version__}, effdet {importlib.metadata.version('effdet')}"
    model, picture = build(weights, size), torch.randn(1, 3, size, size)
    if command == "export":
        torch.onnx.export(model, (picture,), sys.argv[4], dynamo=False, opset_version=17)
        print(versions)
        return
    torch.set_num_threads(int(sys.argv[4]))
    with torch.inference_mode():
        model(picture)
        print(versions, flush=True)
        for _ in sys.stdin:
            began = time.perf_counter()
            model(picture)
            print((time.perf_counter() - began) * 1e3, flush=True)


if __name__ == "__main__":
    main()
