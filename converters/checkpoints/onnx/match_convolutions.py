"""Match the convolutions of an ONNX file with ours by kernel shape, stride and what feeds them.

Exporters that fold batch norm rename the weights, so names only decide where the graph leaves two
possibilities (the class and box heads are alike, and in some places two projections are).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from edge_edet.converters.checkpoints.onnx.convolutions import Convolution
from edge_edet.errors import CheckpointError
from edge_edet.network import Graph, build_network
from edge_edet.variants import VARIANTS, Variant

__all__ = ["ExpectedConvolution", "expected_convolutions", "infer_classes", "match_convolutions"]

Key = tuple[frozenset[int], tuple[int, ...], int]
BOX_VALUES = 4
# Convolution in the network -> canonical convolution and batch norm
_NAMES = (
    (r"backbone/conv_stem", "backbone.conv_stem", "backbone.bn1"),
    (r"backbone/(blocks\.\d+\.\d+)/se/(\w+)", r"backbone.\1.se.\2", None),
    (r"backbone/(blocks\.\d+\.\d+)/(\w+)", r"backbone.\1.\2", r"backbone.\1."),  # + bnN
    (r"fpn/resample\.(\d+)/conv", r"fpn.resample.\1.conv.conv", r"fpn.resample.\1.conv.bn"),
    (
        r"fpn/(cell\.\d+\.?/?fnode\.\d+)/in\.(\d+)/conv",
        r"fpn.\1.combine.resample.\2.conv.conv",
        r"fpn.\1.combine.resample.\2.conv.bn",
    ),
    (r"fpn/(cell\.\d+/fnode\.\d+)/conv_dw", r"fpn.\1.after_combine.conv.conv_dw", None),
    (
        r"fpn/(cell\.\d+/fnode\.\d+)/conv_pw",
        r"fpn.\1.after_combine.conv.conv_pw",
        r"fpn.\1.after_combine.conv.bn",
    ),
    (r"(\w+_net)/p\d+/(conv_rep\.\d+|predict)/conv_dw", r"\1.\2.conv_dw", None),
    (r"(\w+_net)/p\d+/predict/conv_pw", r"\1.predict.conv_pw", None),
    (r"(\w+_net)/p(\d+)/conv_rep\.(\d+)/conv_pw", r"\1.conv_rep.\3.conv_pw", r"\1.bn_rep.\3.\2.bn"),
)


@dataclass(frozen=True)
class ExpectedConvolution:
    """One convolution of ours: its canonical tensors, and parents, the indexes of what feeds it."""

    name: str
    param: str
    norm: str | None
    shape: tuple[int, ...]  # [out, in/groups, h, w]
    stride: int
    parents: frozenset[int]


def expected_convolutions(variant: Variant) -> list[ExpectedConvolution]:
    """List all convolutions of a variant in effdet's order: the class head before the box head."""
    graph = build_network(variant)
    nodes = [node for node in graph.nodes if node.weight_shape is not None]
    nodes.sort(key=lambda node: node.name.startswith("box_net/"))
    index = {node.name: position for position, node in enumerate(nodes)}
    upstream = _upstream(graph, index)
    counts: Counter[str] = Counter()
    found = []
    for node in nodes:
        assert node.weight_shape is not None
        out, height, width, depth = node.weight_shape
        if node.op == "depthwise":
            out, depth = depth, 1
        param, norm = _canonical(node.name, variant)
        if norm is not None and norm.endswith("."):  # a block's batch norms are counted
            counts[norm] += 1
            norm = f"{norm}bn{counts[norm]}"
        parents = frozenset(index[name] for name in upstream[node.inputs[0]])
        shape = (out, depth, height, width)
        found.append(
            ExpectedConvolution(node.name, param, norm, shape, node.attrs["stride"], parents)
        )
    return found


def _upstream(graph: Graph, convolutions: dict[str, int]) -> dict[str, frozenset[str]]:
    """Find the nearest convolutions that each tensor comes from; that of a convolution is itself."""
    upstream: dict[str, frozenset[str]] = {graph.input_name: frozenset()}
    for node in graph.nodes:
        found = frozenset[str]().union(*(upstream[name] for name in node.inputs))
        upstream[node.name] = frozenset([node.name]) if node.name in convolutions else found
    return upstream


def _canonical(name: str, variant: Variant) -> tuple[str, str | None]:
    for pattern, param, norm in _NAMES:
        hit = re.fullmatch(pattern, name)
        if hit is None:
            continue
        full = hit.expand(param).replace("/", ".")
        if norm is None:
            return full, None
        if "bn_rep" in norm:  # by position among the levels, not by level
            position = int(hit[2]) - variant.min_level
            return full, f"{hit[1]}.bn_rep.{hit[3]}.{position}.bn"
        return full, hit.expand(norm).replace("/", ".")
    raise AssertionError(f"no canonical name for {name}")


def infer_classes(convolutions: list[Convolution], variant: Variant) -> int:
    """Infer the number of classes from the convolutions that feed no other, the last ones of the heads.

    Raises
    ------
    CheckpointError
        When these are not one for the boxes and one for the classes.
    """
    inner = frozenset[int]().union(*(c.parents for c in convolutions))
    last = {c.weight.shape[0] for i, c in enumerate(convolutions) if i not in inner}
    anchors = variant.anchors_per_position
    classes = last - {BOX_VALUES * anchors} or last
    if BOX_VALUES * anchors not in last or len(classes) != 1 or min(classes) % anchors:
        raise CheckpointError(
            f"is not an EfficientDet: its {len(convolutions)} convolutions end in "
            f"{sorted(last)[:8]} channels; expected {BOX_VALUES * anchors} for boxes and a multiple "
            f"of {anchors} for classes"
        )
    return int(min(classes)) // anchors


def match_convolutions(
    convolutions: list[Convolution], variant: Variant
) -> list[tuple[ExpectedConvolution, Convolution]]:
    """Match each convolution of the variant with one of the file; none is left over on either side.

    Raises
    ------
    CheckpointError
        When one has no match, naming it, or the variant that the file looks like.
    """
    expected = expected_convolutions(variant)
    unused: dict[Key, list[int]] = {}
    for index, c in enumerate(convolutions):
        unused.setdefault((c.parents, c.weight.shape, c.stride), []).append(index)
    chosen: list[int] = []
    for place in expected:
        key = (frozenset(chosen[parent] for parent in place.parents), place.shape, place.stride)
        candidates = unused.get(key, [])
        if not candidates or len(convolutions) != len(expected):
            raise _misfit(convolutions, variant, place, len(expected))
        named = [i for i in candidates if place.param in convolutions[i].name]
        chosen.append((named or candidates)[0])
        candidates.remove(chosen[-1])
    return [(place, convolutions[i]) for place, i in zip(expected, chosen, strict=True)]


def _misfit(
    convolutions: list[Convolution], variant: Variant, place: ExpectedConvolution, count: int
) -> CheckpointError:
    shapes = Counter(c.weight.shape for c in convolutions)
    looks = [
        name
        for name, other in VARIANTS.items()
        if name != variant.name
        and Counter(
            p.shape for p in expected_convolutions(other.replace(num_classes=variant.num_classes))
        )
        == shapes
    ]
    if looks:
        advice = f"it looks like {' or '.join(looks)}, name that variant"
    else:
        advice = (
            f"no convolution is {place.name} {list(place.shape)}, stride {place.stride}; it has "
            f"{len(convolutions)}, expected {count}"
        )
    return CheckpointError(f"does not fit {variant.name} as effdet exports it: {advice}")
