"""Runs a network over pictures and shows the tensors inside it: float, or integers stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_edet.converters.int8 import Quantized
from edge_edet.converters.write.tflite import TfliteLowering, write_tflite
from edge_edet.detection import letterbox
from edge_edet.network import Array, Graph, Node
from edge_edet.pictures import PictureRange, read_picture
from edge_edet.terminal import without_runtime_logs
from edge_edet.variants import Variant

Pixels = npt.NDArray[np.uint8]
Operators = Mapping[str, Callable[[Any, Node], None]]  # beside those of TfliteLowering
MAX_PASS_BYTES = 2**32  # tensors kept at once; a larger network is run several times a picture


def picture_input(path: Path, variant: Variant, picture_range: PictureRange = None) -> Pixels:
    """[1, S, S, 3] uint8.

    Parameters
    ----------
    path
        Of the picture.
    variant
        The network by name, with its numbers.
    picture_range
        How pictures are read, as `edge_edet.load` takes it.

    Returns
    -------
    Pixels
        Pixels in RGB, [1, height, width, 3].

    Raises
    ------
    ImageError
        For a file that is no picture.
    """
    image = read_picture(path, picture_range).image
    return letterbox(image, variant.input_size, variant.pad_rgb)[0]


def passes(names: list[str], shapes: Mapping[str, tuple[int, ...]]) -> list[list[str]]:
    """Return groups of tensors that fit into MAX_PASS_BYTES."""
    groups: list[list[str]] = [[]]
    used = 0
    for name in names:
        size = 4 * int(np.prod(shapes[name]))
        if groups[-1] and used + size > MAX_PASS_BYTES:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += size
    return groups


class FloatTensorRunner:
    """One float interpreter that exposes some of the tensors and ends with the last of them.

    Called with a picture it yields each tensor by name.
    """

    def __init__(
        self, graph: Graph, names: list[str], threads: int, operators: Operators | None = None
    ):
        last = max(i for i, node in enumerate(graph.nodes) if node.name in names)
        part = Graph(graph.variant, graph.input_name, graph.nodes[: last + 1], {})
        data = write_tflite(part, "fp32", extra_outputs=names, operators=operators)
        self.interpreter = _interpreter(data, threads)
        self.image = self.interpreter.get_input_details()[0]["index"]
        details = {d["name"]: d["index"] for d in self.interpreter.get_output_details()}
        self.outputs = {name: details[name] for name in names}

    def __call__(self, pixels: Pixels) -> Iterator[tuple[str, Array]]:
        """Run one picture, [1, S, S, 3] uint8, and yield the name and values of each tensor."""
        self.interpreter.set_tensor(self.image, pixels)
        self.interpreter.invoke()
        for name, index in self.outputs.items():
            yield name, self.interpreter.get_tensor(index)


class Stage:
    """Some nodes of an integer network, from tensors that are known to those that are asked for."""

    def __init__(
        self,
        graph: Graph,
        quantized: Quantized,
        nodes: Sequence[Node],
        outputs: Sequence[str],
        threads: int,
    ):
        made = {node.name for node in nodes}
        self.inputs = sorted({name for node in nodes for name in node.inputs} - made)
        lowering = TfliteLowering(graph, "int8", quantized)
        for name in self.inputs:
            if name == graph.input_name:
                lowering.input_tensor()
            else:
                lowering.activation(name, lowering.shapes[name])
        indices = {name: lowering.index[name] for name in self.inputs}
        for node in nodes:
            lowering.lower_node(node)
        lowering.writer.interface(indices, {name: lowering.index[name] for name in outputs})
        self.interpreter = _interpreter(lowering.writer.to_bytes(), threads)
        self.run = self.interpreter.get_signature_runner()

    def __call__(self, known: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Tensor -> int8 [1, h, w, channels] of one picture."""
        found: dict[str, npt.NDArray[Any]] = self.run(**{name: known[name] for name in self.inputs})
        return found


class StagedInt8Runner:
    """Runs an integer network over pictures from front to back, while its later layers still change.

    Nothing is computed twice, and what nobody will read any more is dropped.
    """

    def __init__(self, graph: Graph, inputs: Sequence[Pixels], threads: int):
        self.graph, self.threads = graph, threads
        self.consumers = graph.consumers()
        self.done = {graph.input_name}
        self.known: list[dict[str, npt.NDArray[Any]]] = [{graph.input_name: x} for x in inputs]

    def __call__(
        self, quantized: Quantized, names: Sequence[str]
    ) -> list[dict[str, npt.NDArray[Any]]]:
        """For each picture the tensors of these names, and others that are still needed."""
        wanted = set(names) - self.done
        nodes: list[Node] = []
        for node in reversed(self.graph.nodes):
            if node.name in wanted:
                nodes.insert(0, node)
                wanted |= set(node.inputs) - self.done
        if nodes:
            self.done |= {node.name for node in nodes}
            kept = [node.name for node in nodes if node.name in names or self._needed(node.name)]
            stage = Stage(self.graph, quantized, nodes, kept, self.threads)
            for tensors in self.known:
                tensors |= stage(tensors)
        for tensors in self.known:
            for name in [n for n in tensors if n not in names and not self._needed(n)]:
                del tensors[name]
        return self.known

    def _needed(self, name: str) -> bool:
        return any(node.name not in self.done for node in self.consumers.get(name, []))


def _interpreter(model: bytes, threads: int) -> Any:
    with without_runtime_logs():
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter
