"""INT8 of an OpenVINO IR by NNCF: its post-training quantization of our float IR, settings stated.

The presets choose how activations are quantized: performance symmetrically, mixed asymmetrically after
activations that are not symmetric. NNCF needs pictures: a calibration record keeps too little for it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.network_pass import Pixels, picture_input
from edge_edet.converters.graph import Graph
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.progress import Progress

OFF = "NNCF_CI"  # NNCF sends no usage statistics where this is set


@dataclass(frozen=True)
class NncfRecipe:
    """preset: NNCF's; ignored: convolutions, by name, that it must leave in float."""

    name: str
    preset: str
    ignored: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "tool": "nncf",
            "preset": self.preset,
            "target_device": "CPU",
            "fast_bias_correction": True,
            "ignored": list(self.ignored),
        }


NNCF_RECIPES = {
    recipe.name: recipe
    for recipe in (
        NncfRecipe("nncf-performance", "performance"),
        NncfRecipe("nncf-mixed", "mixed"),
    )
}


def check_nncf(recipe: NncfRecipe, calibration: Path | None) -> None:
    """Raises InputError without pictures, ImportError without NNCF: before any work."""
    if calibration is None or not calibration.is_dir():
        given = "a calibration record keeps too little for it" if calibration else "got none"
        raise InputError(
            f"recipe {recipe.name!r} runs the float model on pictures ({given}): give a folder of "
            "them with --calibration DIR"
        )
    _import()


def _import() -> Any:
    """The package, silent and without usage statistics."""
    before = os.environ.get(OFF)
    os.environ[OFF] = "1"  # read once, at import
    try:
        nncf = importlib.import_module("nncf")
    finally:
        if before is None:
            del os.environ[OFF]
        else:
            os.environ[OFF] = before
    nncf.set_log_level(logging.ERROR)
    return nncf


def quantize_by_nncf(graph: Graph, pictures: Sequence[Path],
                     recipe: NncfRecipe) -> tuple[Any, dict[str, str]]:  # fmt: skip
    """The quantized openvino.Model, and the convolutions left in float with the reason.

    Raises InputError for an ignored layer that is not there, EdgeEdetError where NNCF gives up.
    """
    from edge_edet.converters.to_openvino import OpenVinoLowering

    nncf = _import()
    convolutions = [node.name for node in graph.nodes if node.weight is not None]
    for name in recipe.ignored:
        if name not in convolutions:
            raise InputError(f"the network has no convolution {name!r} to leave in float")
    with Progress(f"nncf, {recipe.preset}", len(pictures), "pictures") as progress:

        def load(path: Path) -> Pixels:
            pixels = picture_input(path, graph.variant)
            progress.advance()
            return pixels

        ignored = [_operation(name) for name in recipe.ignored]
        with _quiet():
            try:
                model = nncf.quantize(
                    OpenVinoLowering(graph, "fp32").lower(),
                    nncf.Dataset(list(pictures), load),
                    preset=nncf.QuantizationPreset(recipe.preset),
                    target_device=nncf.TargetDevice.CPU,
                    subset_size=len(pictures),
                    fast_bias_correction=True,
                    ignored_scope=nncf.IgnoredScope(names=ignored) if ignored else None,
                )
            except (RuntimeError, ValueError, nncf.ValidationError) as error:
                reason = " ".join(str(error).split())
                raise EdgeEdetError(f"nncf cannot quantize this network: {reason}") from None
    operations = {op.get_friendly_name(): op for op in model.get_ordered_ops()}
    floats = {}
    for name in convolutions:
        if not _has_integer_weight(operations[_operation(name)]):
            floats[name] = "ignored" if name in recipe.ignored else "nncf's own choice"
    return model, floats


def _operation(name: str) -> str:
    """The name that OpenVinoLowering gives to the convolution of a node."""
    return f"{name}/convolution"


def _has_integer_weight(convolution: Any) -> bool:
    node = convolution.input_value(1).get_node()
    while node.get_input_size():
        if node.get_type_name() == "FakeQuantize":
            return True
        node = node.input_value(0).get_node()
    return bool(node.get_element_type().get_type_name() in ("i8", "u8"))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Holds back the bars that NNCF draws on stdout, which is for results here."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
