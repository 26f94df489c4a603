"""The networks that `edge-edet reproduce` builds and measures, one literal row each."""

from __future__ import annotations

from edge_edet.errors import InputError
from edge_edet.variants import VARIANTS, Variant

__all__ = ["comparators", "feature_networks", "fusions", "scalings"]

_RETINANET = "arXiv 1708.02002 section 4; arXiv 1512.03385 Table 1"
_YOLOV3 = "arXiv 1804.02767 Table 1; pjreddie/darknet cfg/yolov3.cfg"


def _retinanet(network: str, size: int) -> Variant:
    return VARIANTS["d0"].replace(
        name=f"{network}-{size}",
        image_size=size,
        feature_network=network,
        fpn_channels=256,
        fpn_repeats=1,
        head_repeats=4,
        fusion="sum",
        source=_RETINANET,
    )


def comparators() -> dict[str, Variant]:
    """Return name of a row of published/comparators.csv with its size -> network.

    Returns
    -------
    dict[str, Variant]
        Network by the name of the row with its size.
    """
    found = [
        VARIANTS["d0"].replace(
            name="yolov3-608",
            image_size=608,
            feature_network="yolov3",
            max_level=5,
            fusion="sum",
            aspect_ratios=((1.0, 1.0),),
            num_classes=81,
            mean=(0.0,) * 3,
            std=(255.0,) * 3,
            source=_YOLOV3,
        )
    ]
    for size in (640, 1024):
        found += [_retinanet(network, size) for network in ("retinanet-r50", "retinanet-r101")]
    return {variant.name: variant for variant in found}


# row of published/ablations.csv, table 5 -> feature network, passes for each of D3's six cells, fusion
TABLE5 = {
    "repeated-fpn": ("fpn", 2, "sum"),
    "repeated-fpn+panet": ("panet", 1, "sum"),
    "nas-fpn": ("nas-fpn", 1, "sum"),
    "fully-connected-fpn": ("fully-connected", 1, "sum"),
    "bifpn-unweighted": ("bifpn", 1, "sum"),
    "bifpn-weighted": ("bifpn", 1, "fast"),
}


def feature_networks(base: str = "d3") -> dict[str, Variant]:
    """Return the same backbone and heads with each feature network, and with a single pass of FPN.

    Parameters
    ----------
    base
        The EfficientDet that lends backbone and heads.

    Returns
    -------
    dict[str, Variant]
        Network by the name of its feature network.
    """
    v = VARIANTS[base]
    found = {
        row: v.replace(
            name=f"{base}-{row}",
            feature_network=network,
            fpn_repeats=v.fpn_repeats * passes,
            fusion=fusion,
        )
        for row, (network, passes, fusion) in TABLE5.items()
    }
    single = v.replace(name=f"{base}-fpn", feature_network="fpn", fpn_repeats=1, fusion="sum")
    return {"fpn": single, **found}


# how the fusion weights are computed -> feature network
FORMS = {"constant": "bifpn", "runtime": "bifpn-runtime", "stacked": "bifpn-stacked"}


def fusions(base: str) -> dict[str, Variant]:
    """Return "softmax-runtime" and so on -> the EfficientDet with that fusion, for Table 6.

    Parameters
    ----------
    base
        An EfficientDet whose fusion has weights: one of d0 to d5.

    Returns
    -------
    dict[str, Variant]
        Network by name.

    Raises
    ------
    InputError
        For a base that sums without weights.
    """
    v = VARIANTS[base]
    if v.fusion == "sum":
        raise InputError(
            f"{base} sums its features without weights, so there is no fusion to compare: take one of d0 "
            "to d5"
        )
    return {
        f"{method}-{form}": v.replace(
            name=f"{base}-{method}-{form}", fusion=method, feature_network=network
        )
        for form, network in FORMS.items()
        for method in ("softmax", "fast")
    }


# Fig. 6: field of D0 -> its values; 60 billion multiply-adds are reached by size and channels only,
# which grow with the square: it would take 1,800 BiFPN layers or 1,200 head layers
FIG6 = {
    "image size": ("image_size", (768, 1024, 1536, 2048, 2432)),
    "channels": ("fpn_channels", (128, 256, 512, 768, 960)),
    "BiFPN layers": ("fpn_repeats", (6, 12, 24, 48, 96)),
    "head layers": ("head_repeats", (6, 12, 24, 48, 96)),
}


def scalings() -> dict[str, list[Variant]]:
    """Return how D0 is scaled -> its networks in order of size; "compound" is D0 to D4.

    Returns
    -------
    dict[str, list[Variant]]
        Networks, from small to large, by the way of scaling.
    """
    d0, found = VARIANTS["d0"], {"compound": [VARIANTS[f"d{n}"] for n in range(5)]}
    for way, (field, values) in FIG6.items():
        short = way.replace(" ", "-").lower()
        found[way] = [d0.replace(name=f"d0-{short}-{n}", **{field: n}) for n in values]
    return found
