"""What the name of a checkpoint says and its tensors do not.

Sources: effdet 0.4.1 effdet/config/model_config.py (`tf_efficientdet_d*_ap`: mean = std = 0.5,
fill_color 0); google/automl efficientdet/Det-AdvProp.md and dataloader.py (`scale_range`: pictures
scaled to -1..1 after padding with 0).
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_edet.converters.facts.fact import Fact

__all__ = ["fact_of_name", "other_network", "sibling_of_name"]

# Only with effdet's names: "best_ap.pth" has the best average precision.
_ADVPROP = re.compile(
    r"efficientdet[-_]?d\d[-_]ap(?![a-z0-9])(?![-_=]?\d*\.\d)|adv[-_]?prop", re.IGNORECASE
)
_FOLDERS = 3  # last parts of the path: automl has advprop/efficientdet-d0/
_HALF = (127.5,) * 3

# Variants with the same tensors, which differ only in input size and anchors.
_SIBLINGS = ("d6", "d7")
_SIBLING = re.compile(r"efficientdet[-_]?(d[67])(?![0-9x])", re.IGNORECASE)

# Name of an effdet model that is not an EfficientDet of the paper -> what it is.
_OTHERS = {
    r"efficientdet[-_]?v2": "a network on an EfficientNetV2 backbone",
    r"efficientdet[-_]q\d": "a network with a quad-FPN in place of the BiFPN",
    r"efficientdet[-_]w\d": "a wide network on features from within the blocks",
    r"efficientdet[-_]e[ms](?![a-z])": "a network on an EdgeTPU EfficientNet",
    r"cspres(ne)?x?det\d*|cspresdext\d*": "a network on a CSPResNet or CSPResNeXt backbone",
    r"cspdarkdet\d*": "a network on a CSPDarkNet backbone",
    r"resdet\d+": "a network on a ResNet backbone",
    r"mixdet[-_]": "a network on a MixNet backbone",
    r"mobiledet[-_]?v\d": "a network on a MobileNet backbone",
}


def fact_of_name(path: Path) -> Fact | None:
    """Read what the names of the file and its folders say about normalization; None: nothing.

    Parameters
    ----------
    path
        Of the checkpoint.

    Returns
    -------
    Fact | None
        What the name states.
    """
    for part in path.parts[-_FOLDERS:]:
        match = _ADVPROP.search(part)
        if match:
            values = {"mean": _HALF, "std": _HALF, "pad_rgb": (0, 0, 0)}
            return Fact(f"its name ({match.group()}: AdvProp)", values, hint=True)
    return None


def other_network(path: Path) -> str | None:
    """Describe the other network of effdet's that a file's name stands for; None: it names none.

    Parameters
    ----------
    path
        Of the checkpoint.

    Returns
    -------
    str | None
        A few words.
    """
    for pattern, what in _OTHERS.items():
        match = re.search(pattern, path.name, re.IGNORECASE)
        if match:
            return f"by its name ({match.group()}) it is {what}, which edge-edet does not build"
    return None


def sibling_of_name(path: Path, variant: str) -> str | None:
    """Find the other variant with the same tensors that a path names; None: it names none.

    The file's own name counts first, then its folders.

    Parameters
    ----------
    path
        Of the checkpoint.
    variant
        The name of the variant that it is read as.

    Returns
    -------
    str | None
        The name of the other variant.
    """
    for part in reversed(path.parts[-_FOLDERS:]):
        if match := _SIBLING.search(part):
            named = match[1].lower()
            return named if variant in _SIBLINGS and named != variant else None
    return None
