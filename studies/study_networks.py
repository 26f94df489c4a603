"""The networks, precisions and rounds of each study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_edet.errors import InputError
from edge_edet.variants import VARIANTS

if TYPE_CHECKING:
    from edge_edet.variants import Variant

__all__ = ["STUDIES", "RunConfig", "Study", "StudyNetwork", "find_networks"]

FAMILY = tuple(name for name, variant in VARIANTS.items() if not variant.lite)


@dataclass(frozen=True)
class Study:
    """One study.

    Attributes
    ----------
    rounds
        How often all networks are measured in turns.
    names
        What --variants can choose.
    default
        What it chooses by default; all names where it is empty.
    """

    title: str
    rounds: int
    precisions: tuple[str, ...]
    names: tuple[str, ...]
    default: tuple[str, ...] = ()


SCALINGS = ("compound", "image-size", "channels", "bifpn-layers", "head-layers")
COMPARATORS = (
    "yolov3-608",
    "retinanet-r50-640",
    "retinanet-r101-640",
    "retinanet-r50-1024",
    "retinanet-r101-1024",
)
FUSED = ("d0", "d1", "d2", "d3", "d4", "d5")

STUDIES = {
    "fig4": Study("D0 to D7x: size, cost and latency", 1, ("fp32", "int8"), FAMILY),
    "table5": Study("feature networks", 3, ("fp32", "int8"), FUSED, ("d3",)),
    "table6": Study("softmax or fast fusion", 3, ("fp32",), FUSED, ("d0", "d2", "d4")),
    "fig6": Study("scaling one dimension or all", 1, ("fp32",), SCALINGS),
    "comparators": Study(
        "beside YOLOv3 and RetinaNet", 3, ("fp32", "int8"), ("d0", "d1", "d2", "d3", *COMPARATORS)
    ),
}


@dataclass(frozen=True)
class StudyNetwork:
    """One network of a study.

    Attributes
    ----------
    group
        The variant or kind of scaling that it belongs to.
    row
        Its name in the published table.
    """

    group: str
    row: str
    variant: Variant


@dataclass(frozen=True)
class RunConfig:
    """How a network is converted and run; `target` is "tflite" or "openvino"."""

    target: str
    precision: str
    threads: int

    @property
    def name(self) -> str:
        """The configuration for tables, such as `LiteRT int8 x1`."""
        runtime = {"tflite": "LiteRT", "openvino": "OpenVINO"}[self.target]
        return f"{runtime} {self.precision} x{self.threads}"


def find_networks(study: str, chosen: Sequence[str]) -> list[StudyNetwork]:
    """Return the networks of a study.

    Parameters
    ----------
    chosen
        Some of its names; none for the default.

    Raises
    ------
    InputError
        The study has no such name.
    """
    known = STUDIES[study].names
    for name in chosen:
        if name not in known:
            raise InputError(
                f"--variants {name!r}: {study} has {', '.join(known)}; leave it out for "
                f"{', '.join(STUDIES[study].default) or 'all of them'}"
            )
    return list(_items(study, chosen or STUDIES[study].default or known))


def _items(study: str, names: Sequence[str]) -> Iterator[StudyNetwork]:
    from edge_edet.studies.networks import comparators, feature_networks, fusions, scalings

    if study == "fig4":
        yield from (StudyNetwork(name, name, VARIANTS[name]) for name in names)
    elif study == "comparators":
        others = comparators()
        yield from (StudyNetwork(name, name, others.get(name) or VARIANTS[name]) for name in names)
    elif study == "fig6":
        for way, networks in scalings().items():
            if _slug(way) in names:
                yield from (StudyNetwork(_slug(way), network.name, network) for network in networks)
    else:
        networks_of = feature_networks if study == "table5" else fusions
        for name in names:
            for row, network in networks_of(name).items():
                yield StudyNetwork(name, row, network)


def _slug(way: str) -> str:
    return way.replace(" ", "-").lower()
