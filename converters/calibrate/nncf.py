"""INT8 of an OpenVINO IR by NNCF: its post-training quantization of our float IR, settings stated.

The presets choose how activations are quantized: performance symmetrically, mixed asymmetrically where
an activation is not symmetric. Squeeze-and-excitation is left alone: NNCF does so by itself where it
knows the pattern, which has a reduction where our IR has a pooling window. NNCF needs pictures: a
calibration record keeps too little for it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.calibrate.tensor_runs import Pixels, picture_input
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.network import SQUEEZE, Graph, Node
from edge_edet.pictures import PictureRange
from edge_edet.terminal import Progress

AUTOMATIC = re.compile(r"[A-Za-z]+_\d+")
OFF = "NNCF_CI"  # NNCF sends no usage statistics where this is set


@dataclass(frozen=True)
class NncfRecipe:
    """preset: NNCF's own name for it.

    Attributes
    ----------
    name
        As --recipe has it.
    preset
        NNCF's own name for it.
    """

    name: str
    preset: str

    def to_dict(self, graph: Graph) -> dict[str, Any]:
        """Return the recipe as JSON values, for the manifest.

        Parameters
        ----------
        graph
            The network.

        Returns
        -------
        dict[str, Any]
            Values by name.
        """
        return {
            "name": self.name,
            "tool": "nncf",
            "preset": self.preset,
            "target_device": "CPU",
            "fast_bias_correction": True,
            "ignored_layers": ignored_layers(graph),
        }


NNCF_RECIPES = {
    recipe.name: recipe
    for recipe in (
        NncfRecipe("nncf-performance", "performance"),
        NncfRecipe("nncf-mixed", "mixed"),
    )
}


def check_nncf(recipe: NncfRecipe, calibration: Path | None) -> None:
    """Check for pictures and for NNCF before any work.

    Parameters
    ----------
    recipe
        One of NNCF's.
    calibration
        What --calibration names; None: it was not given.

    Raises
    ------
    InputError
        Without pictures.
    ImportError
        Without NNCF.
    """
    if calibration is None or not calibration.is_dir():
        given = "a calibration record keeps too little for it" if calibration else "got none"
        raise InputError(
            f"recipe {recipe.name!r} runs the float model on pictures ({given}): give a folder of "
            "them with --calibration DIR"
        )
    _import()


def _import() -> Any:
    """Return the package, silent and without usage statistics."""
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


def quantize_by_nncf(
    graph: Graph, pictures: Sequence[Path], recipe: NncfRecipe, picture_range: PictureRange = None
) -> tuple[Any, dict[str, str]]:
    """Return the quantized openvino.Model, and the convolutions left in float with the reason.

    Parameters
    ----------
    graph
        The network.
    pictures
        Paths.
    recipe
        One of NNCF's.
    picture_range
        How pictures are read, as `edge_edet.load` takes it.

    Returns
    -------
    tuple[Any, dict[str, str]]
        The model, and the reason by the name of the convolution.

    Raises
    ------
    EdgeEdetError
        Where NNCF gives up.
    """
    from edge_edet.converters.write.openvino import OpenVinoLowering

    nncf = _import()
    ignored = ignored_layers(graph)
    with Progress(f"nncf, {recipe.preset}", len(pictures), "pictures") as progress:

        def load(path: Path) -> Pixels:
            pixels = picture_input(path, graph.variant, picture_range)
            progress.advance()
            return pixels

        with _quiet():
            try:
                model = nncf.quantize(
                    OpenVinoLowering(graph, "fp32").lower(),
                    nncf.Dataset(list(pictures), load),
                    preset=nncf.QuantizationPreset(recipe.preset),
                    target_device=nncf.TargetDevice.CPU,
                    subset_size=len(pictures),
                    fast_bias_correction=True,
                    ignored_scope=nncf.IgnoredScope(names=ignored),
                )
            except (RuntimeError, ValueError, nncf.ValidationError) as error:
                reason = " ".join(str(error).split())
                raise EdgeEdetError(f"nncf cannot quantize this network: {reason}") from None
    operations = {op.get_friendly_name(): op for op in model.get_ordered_ops()}
    floats = {}
    for node in graph.nodes:
        name = _operation(node)
        if node.weight is not None and not _has_integer_weight(operations[name]):
            ours = "squeeze-and-excitation" if name in ignored else "nncf's own choice"
            floats[node.name] = ours
    _name_by_place(model)
    return model, floats


def _name_by_place(model: Any) -> None:
    """Give new names to what NNCF added without one: OpenVINO counts such nodes up in each process."""
    for place, node in enumerate(model.get_ordered_ops()):
        if AUTOMATIC.fullmatch(node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}/{place}")


def ignored_layers(graph: Graph) -> list[str]:
    """Return the operations of squeeze-and-excitation, as the IR names them."""
    inside = [node for node in graph.nodes if SQUEEZE in node.name]
    rows = [f"{node.name}/rows" for node in inside if node.op == "mean"]
    return [*(_operation(node) for node in inside), *rows]


def _operation(node: Node) -> str:
    """Return the name that OpenVinoLowering gives to a node; a convolution's own is the bias behind it."""
    return f"{node.name}/convolution" if node.weight is not None else node.name


def _has_integer_weight(convolution: Any) -> bool:
    node = convolution.input_value(1).get_node()
    while node.get_input_size():
        if node.get_type_name() == "FakeQuantize":
            return True
        node = node.input_value(0).get_node()
    return bool(node.get_element_type().get_type_name() in ("i8", "u8"))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the bars that NNCF draws on stdout, which is for results here."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
