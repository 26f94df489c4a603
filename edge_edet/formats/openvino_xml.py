"""Parse the graph of an OpenVINO IR from its `.xml`, element by element, with expat.

A document type is refused, so that no entity can be declared, and nothing is kept of an element that
is not needed. Layout: OpenVINO's documentation, "Operation Sets" and "IR as XML".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from edge_edet.errors import ModelFileError
from edge_edet.formats.model_file import TensorInfo

__all__ = ["IR_VERSION", "IrReader", "LayerInfo"]

IR_VERSION = 11
MAX_DEPTH = 100
MAX_LAYERS = 100_000
MAX_ELEMENTS = 2_000_000  # D0's has 19 000
MAX_RANK = 64

TYPES = {
    "FP64": "float64",
    "FP32": "float32",
    "FP16": "float16",
    "BF16": "bfloat16",
    "BOOL": "bool",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "U4": "uint4",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "I4": "int4",
}
ITEM_BITS = re.compile(r"[a-z]+(\d+)")  # f32, bf16, i8, u4, nf4, f8e4m3; boolean and string aside


@dataclass(frozen=True)
class LayerInfo:
    """One layer of the main graph, `Const` layers left out."""

    name: str
    type: str  # such as Convolution
    opset: str  # the operation set that defines it; "extension" and others for custom layers


@dataclass
class _Port:
    names: tuple[str, ...]
    precision: str
    dims: list[int] = field(default_factory=list)


@dataclass
class _Layer:
    info: LayerInfo
    outputs: dict[str, _Port] = field(default_factory=dict)  # by port id


class IrReader:
    """Collects what is needed from the elements of the .xml."""

    def __init__(self, path: Path):
        self.path = path
        self.name = ""
        self.layers: dict[str, _Layer] = {}  # of the main graph, by id
        self.sources: dict[str, tuple[str, str]] = {}  # layer -> (layer, port) of its last input
        self.metadata: dict[str, bytes] = {}
        self.weights_end = 0
        self._stack: list[str] = []
        self._elements = 0
        self._layer: _Layer | None = None
        self._port: _Port | None = None
        self._kind = ""  # type of the layer that is open, at any depth
        self._text: list[str] | None = None

    def fail(self, problem: str) -> NoReturn:
        """Raise ModelFileError: the file is damaged."""
        raise ModelFileError(f"{str(self.path)!r} is no OpenVINO IR that can be used: {problem}")

    def read(self, data: bytes) -> None:
        """Parse the .xml."""
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.buffer_text = True
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            self.fail(f"its XML is broken or truncated ({error})")
        except (LookupError, ValueError) as error:  # an encoding that nobody knows
            self.fail(f"its XML is broken ({error})")
        if not self.layers:
            self.fail("it has no layers")

    def tensors(self, kind: str) -> list[TensorInfo]:
        """List what the layers of that type take or return, in their order."""
        found: list[TensorInfo] = []
        for key, layer in self.layers.items():
            if layer.info.type != kind:
                continue
            if kind == "Parameter":
                port = next(iter(layer.outputs.values()), None)
            else:
                source, number = self.sources.get(key, ("", ""))
                port = self.layers[source].outputs.get(number) if source in self.layers else None
            if port is None:
                self.fail(f"{kind} {layer.info.name!r} is connected to nothing")
            dtype = TYPES.get(port.precision, port.precision.lower() or "unknown")
            for name in port.names or (layer.info.name,):
                found.append(TensorInfo(len(found), name, tuple(port.dims), dtype))
        return found

    def _doctype(self, name: str, *_: object) -> None:
        self.fail(f"it declares a document type {name[:40]!r}, which no IR has")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        stack = self._stack
        stack.append(tag)
        if len(stack) == 1:
            self._net(tag, attributes)
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            self.fail(f"it has more than {MAX_ELEMENTS} elements")
        if len(stack) > MAX_DEPTH:
            self.fail(f"its elements are nested more than {MAX_DEPTH} deep")
        if tag == "layer":
            self._kind = attributes.get("type", "")
        elif tag == "data" and self._kind == "Const" and stack[-2:-1] == ["layer"]:
            self._const(attributes)
        if stack[:2] == ["net", "rt_info"] and "value" in attributes:
            key = attributes["name"] if tag == "info" and "name" in attributes else tag
            self.metadata["/".join((*stack[2:-1], key))] = attributes["value"].encode()
        if stack == ["net", "layers", "layer"]:
            self._add_layer(attributes)
        elif stack == ["net", "layers", "layer", "output", "port"] and self._layer:
            names = tuple(_split_names(attributes.get("names", "")))
            self._port = _Port(names, attributes.get("precision", ""))
            self._layer.outputs[attributes.get("id", "")] = self._port
        elif stack == ["net", "layers", "layer", "output", "port", "dim"]:
            self._text = []
        elif stack == ["net", "edges", "edge"]:
            origin = (attributes.get("from-layer", ""), attributes.get("from-port", ""))
            target = attributes.get("to-layer", "")
            if origin[0] not in self.layers or target not in self.layers:
                self.fail(f"an edge from layer {origin[0]!r} to {target!r}: there is no such layer")
            if origin[1] not in self.layers[origin[0]].outputs:
                self.fail(f"an edge leaves layer {origin[0]!r} at port {origin[1]!r}: it has none")
            self.sources[target] = origin

    def _end(self, tag: str) -> None:
        if tag == "dim" and self._text is not None and self._port is not None:
            self._port.dims.append(self._integer("a dimension", "".join(self._text), least=-1))
            self._text = None
        elif tag == "port":
            self._port = None
        self._stack.pop()

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _net(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "net":
            self.fail(f"its first element is <{tag[:40]}>, expected <net>")
        self.name = attributes.get("name", "")
        version = attributes.get("version", "none")
        if version != str(IR_VERSION):
            self.fail(
                f"its IR version is {version[:20]}, {IR_VERSION} is read here: convert the model "
                "again with 'edge-edet convert', or write it again with a newer OpenVINO"
            )

    def _add_layer(self, attributes: dict[str, str]) -> None:
        key = attributes.get("id", "")
        if not key or key in self.layers:
            self.fail(f"layer id {key!r} is missing or there twice")
        if len(self.layers) >= MAX_LAYERS:
            self.fail(f"it has more than {MAX_LAYERS} layers")
        info = LayerInfo(
            attributes.get("name", ""), attributes.get("type", ""), attributes.get("version", "")
        )
        self._layer = self.layers[key] = _Layer(info)

    def _const(self, attributes: dict[str, str]) -> None:
        offset = self._integer("a Const's offset", attributes.get("offset", ""))
        size = self._integer("a Const's size", attributes.get("size", ""))
        element, shape = attributes.get("element_type", ""), attributes.get("shape", "")
        if (bits := ITEM_BITS.match(element)) is not None:
            texts = [text for text in shape.split(",") if text.strip()]
            if len(texts) > MAX_RANK:
                self.fail(f"a Const has {len(texts)} dimensions, at most {MAX_RANK} are read")
            dims = [self._integer("a Const's dimension", text) for text in texts]
            needed = (math.prod(dims) * int(bits[1]) + 7) // 8
            if needed != size:
                self.fail(f"a Const of {element} [{shape[:80]}] needs {needed} bytes, has {size}")
        self.weights_end = max(self.weights_end, offset + size)

    def _integer(self, what: str, text: str, least: int = 0) -> int:
        text = text.strip()
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or int(text) < least:
            self.fail(f"{what} is {text[:40]!r}")
        return int(text)


def _split_names(text: str) -> list[str]:
    """Tensor names, parted by commas; a comma inside a name has a backslash before it."""
    return [name.replace("\\,", ",") for name in re.split(r"(?<!\\),", text) if name]
