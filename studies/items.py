"""Which networks each study measures, in which ways, and how often it goes round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_edet.errors import InputError
from edge_edet.variants import VARIANTS

if TYPE_CHECKING:
    from edge_edet.variants import Variant

__all__ = ["STUDIES", "Item", "Study", "Way", "find_items"]

FAMILY = tuple(name for name, variant in VARIANTS.items() if not variant.lite)


@dataclass(frozen=True)
class Study:
    """rounds: how often all are measured in turns. names: what --variants chooses from."""

    title: str
    rounds: int
    precisions: tuple[str, ...]
    names: tuple[str, ...]
    default: tuple[str, ...] = ()  # all of the names where empty


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
class Item:
    """One network of a study. group: the variant or way of scaling that it stands under."""

    group: str
    row: str  # what the published table calls it
    variant: Variant


@dataclass(frozen=True)
class Way:
    """How a network's file is made and run. target: "tflite" or "openvino"."""

    target: str
    precision: str
    threads: int

    @property
    def name(self) -> str:
        runtime = {"tflite": "LiteRT", "openvino": "OpenVINO"}[self.target]
        return f"{runtime} {self.precision} x{self.threads}"


def find_items(study: str, chosen: Sequence[str]) -> list[Item]:
    """The networks of a study; chosen: some of its names, none for the default.

    Raises InputError for a name that the study has not.
    """
    known = STUDIES[study].names
    for name in chosen:
        if name not in known:
            raise InputError(
                f"--variants {name!r}: {study} has {', '.join(known)}; leave it out for "
                f"{', '.join(STUDIES[study].default) or 'all of them'}"
            )
    return list(_items(study, chosen or STUDIES[study].default or known))


def _items(study: str, names: Sequence[str]) -> Iterator[Item]:
    from edge_edet.studies.networks import comparators, feature_networks, fusions, scalings

    if study == "fig4":
        yield from (Item(name, name, VARIANTS[name]) for name in names)
    elif study == "comparators":
        others = comparators()
        yield from (Item(name, name, others.get(name) or VARIANTS[name]) for name in names)
    elif study == "fig6":
        for way, networks in scalings().items():
            if _slug(way) in names:
                yield from (Item(_slug(way), network.name, network) for network in networks)
    else:
        networks_of = feature_networks if study == "table5" else fusions
        for name in names:
            for row, network in networks_of(name).items():
                yield Item(name, row, network)


def _slug(way: str) -> str:
    return way.replace(" ", "-").lower()
