"""The feature networks that the paper compares: which nodes one cell has and what each of them fuses.

Fig. 2 and section 3.2 of arXiv 1911.09070; Fig. 2 of v1, which draws the fully connected one too.
docs/decisions/0009-feature-networks.md lists what the paper leaves open and what was decided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_edet.errors import InputError
from edge_edet.variants import Variant

__all__ = ["FEATURE_NETWORKS", "Fusion", "bifpn_nodes", "feature_nodes", "lateral"]


@dataclass(frozen=True)
class Fusion:
    """One node of a cell: which features it fuses, and at which level.

    Attributes
    ----------
    inputs
        Offsets into the cell's feature list: 0 to L-1 are the cell's inputs (P3 up), from L on its own nodes
        in order. A cell's outputs are its last nodes of each level.
    gated
        Whether the second input is multiplied with the sigmoid of the first one's mean over all positions.
    """

    level: int
    inputs: tuple[int, ...]
    gated: bool = False


# arXiv 1904.07392 Fig. 6 and the block specs of the TensorFlow Model Garden (nasfpn.py, where global
# pooling is called attention and takes the maximum); an input that no cell reads is added to the
# output of its level: P5 (2) and P7 (4)
NAS_FPN = (
    Fusion(4, (1, 3), gated=True),
    Fusion(4, (1, 5)),
    Fusion(3, (0, 6)),
    Fusion(4, (6, 7)),
    Fusion(5, (7, 8, 2), gated=True),
    Fusion(7, (6, 9, 4), gated=True),
    Fusion(6, (9, 10), gated=True),
)


def bifpn_nodes(variant: Variant) -> list[Fusion]:
    """Return the nodes of a BiFPN cell: top-down to min_level, then bottom-up (Fig. 2d of the paper).

    Parameters
    ----------
    variant
        The network.

    Returns
    -------
    list[Fusion]
        In the order of execution.
    """
    low, high = variant.min_level, variant.max_level
    count = high - low + 1
    latest = {level: level - low for level in range(low, high + 1)}
    nodes: list[Fusion] = []
    for level in range(high - 1, low - 1, -1):
        nodes.append(Fusion(level, (level - low, latest[level + 1])))
        latest[level] = count + len(nodes) - 1
    for level in range(low + 1, high + 1):
        own = (level - low,) if level == high else (level - low, latest[level])
        nodes.append(Fusion(level, (*own, latest[level - 1])))
        latest[level] = count + len(nodes) - 1
    return nodes


def fpn_nodes(variant: Variant) -> list[Fusion]:
    """Return the nodes of one top-down pass, one at every level (Fig. 2a)."""
    count, top = len(variant.levels), len(variant.levels) - 1
    nodes = [Fusion(variant.max_level, (top,))]
    for offset in range(top - 1, -1, -1):
        nodes.append(Fusion(variant.min_level + offset, (offset, count + len(nodes) - 1)))
    return nodes


def panet_nodes(variant: Variant) -> list[Fusion]:
    """Return the nodes of a top-down and a bottom-up pass, one at every level in both (Fig. 2b)."""
    nodes, count = fpn_nodes(variant), len(variant.levels)
    below: tuple[int, ...] = ()
    for offset, level in enumerate(variant.levels):
        down = 2 * count - 1 - offset  # the top-down node of this level
        nodes.append(Fusion(level, (down, *below)))
        below = (count + len(nodes) - 1,)
    return nodes


def fully_connected_nodes(variant: Variant) -> list[Fusion]:
    """Return PANet's nodes, the outputs connected to all inputs of the cell (v1, Fig. 2d)."""
    nodes, count = panet_nodes(variant), len(variant.levels)
    everything = tuple(range(count))
    return nodes[:count] + [Fusion(n.level, (*everything, *n.inputs)) for n in nodes[count:]]


def nas_fpn_nodes(variant: Variant) -> list[Fusion]:
    """Return the seven merging cells that were found by search, for levels 3 to 7."""
    if list(variant.levels) != [3, 4, 5, 6, 7]:
        raise InputError(f"NAS-FPN has levels 3 to 7, but {variant.name} has {variant.levels}")
    return list(NAS_FPN)


def lateral(variant: Variant, node: str, offset: int) -> str:
    """Return the name of the 1x1 convolution that brings an input of the first cell to the pyramid's width.

    NAS-FPN has one for each level, the others one for each node that reads the level.

    Parameters
    ----------
    variant
        The network.
    node
        Prefix of the node's weights.
    offset
        Number of the input.

    Returns
    -------
    str
        Prefix of the convolution's weights.
    """
    shared = variant.feature_network == "nas-fpn"
    return f"fpn.lateral.{offset}" if shared else f"{node}.combine.resample.{offset}"


FEATURE_NETWORKS: dict[str, Callable[[Variant], list[Fusion]]] = {
    "bifpn": bifpn_nodes,
    "fpn": fpn_nodes,
    "panet": panet_nodes,
    "fully-connected": fully_connected_nodes,
    "nas-fpn": nas_fpn_nodes,
    "bifpn-runtime": bifpn_nodes,  # fusion weights normalized at run time, see studies/
    "bifpn-stacked": bifpn_nodes,  # ... over stacked inputs
}


def feature_nodes(variant: Variant) -> list[Fusion]:
    """Return the nodes of one cell.

    Parameters
    ----------
    variant
        The network.

    Returns
    -------
    list[Fusion]
        In the order of execution.

    Raises
    ------
    InputError
        For an unknown feature network.
    """
    try:
        nodes = FEATURE_NETWORKS[variant.feature_network]
    except KeyError:
        known = ", ".join(FEATURE_NETWORKS)
        raise InputError(
            f"unknown feature network {variant.feature_network!r}: known are {known}"
        ) from None
    return nodes(variant)
