"""Files as edge-edet wrote them before: the runtime that is slow with them says so, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import edge_edet
from edge_edet.converters.int8.affine import quantize_weight
from edge_edet.converters.write.tflite.flatbuffer import Quantization
from edge_edet.converters.write.tflite.lower import TfliteLowering
from edge_edet.network.graph import Node


def all_in_int8(lowering: TfliteLowering, node: Node) -> tuple[int, int]:
    """Depthwise weights in int8 too, which runs in the runtime's own hybrid kernel."""
    assert node.weight is not None
    assert node.bias is not None
    q = quantize_weight(node.weight, node.op)
    grid = Quantization(tuple(q.scale.tolist()), (0,) * q.scale.size, q.channel_axis)
    weight = lowering.constant(f"{node.name}/weight", q.values, grid)
    return weight, lowering.constant(f"{node.name}/bias", node.bias)


def written(folder: Path, helpers: Any) -> Path:
    request = {"variants": ("d0",), "weights": "random", "image_size": 128}
    return Path(helpers.write_models(folder, "int8-dynamic", **request)["int8-dynamic"])


def test_int8_depthwise_weights_of_old_files_are_told(
    tmp_path: Path, helpers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = written(tmp_path / "now", helpers)
    monkeypatch.setattr(TfliteLowering, "weights", all_in_int8)
    before = written(tmp_path / "before", helpers)
    assert edge_edet.load(now, threads=1).info.notes == ()
    (note,) = edge_edet.load(before, threads=1).info.notes
    assert "XNNPACK takes only 85% of the operators of this int8-dynamic model" in note
    assert "1.2 times the time of float" in note
    assert note.endswith("so that XNNPACK takes them")
    assert edge_edet.load(before, threads=1, delegate="none").info.notes == ()  # it was asked for
