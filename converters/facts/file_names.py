"""What a checkpoint's name tells where its tensors do not.

Sources: effdet 0.4.1 effdet/config/model_config.py (`tf_efficientdet_d*_ap`: mean = std = 0.5,
fill_color 0); google/automl efficientdet/Det-AdvProp.md and dataloader.py (`scale_range`: pictures
scaled to -1..1 after padding with 0).
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_edet.converters.facts.fact import Fact

__all__ = ["fact_of_name", "other_network", "sibling_of_name"]

# effdet's names only: "best_ap.pth" is somebody's best average precision.
_ADVPROP = re.compile(r"efficientdet[-_]?d\d[-_]ap(?![a-z0-9])(?![-_=]?\d*\.\d)|adv[-_]?prop", re.I)
_FOLDERS = 3  # of the path: automl keeps them in advprop/efficientdet-d0/
_HALF = (127.5,) * 3

# Variants of the same tensors: only the input size and the anchors tell them apart.
_SIBLINGS = ("d6", "d7")
_SIBLING = re.compile(r"efficientdet[-_]?(d[67])(?![0-9x])", re.I)

# Name of an effdet model that is no EfficientDet of the paper -> what it is.
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
    """What the file's name, or the last folders', says about normalization; None: nothing."""
    for part in path.parts[-_FOLDERS:]:
        match = _ADVPROP.search(part)
        if match:
            values = {"mean": _HALF, "std": _HALF, "pad_rgb": (0, 0, 0)}
            return Fact(f"its name ({match.group()}: AdvProp)", values, hint=True)
    return None


def other_network(path: Path) -> str | None:
    """Which other network of effdet's a name stands for; None: no other one."""
    for pattern, what in _OTHERS.items():
        match = re.search(pattern, path.name, re.I)
        if match:
            return f"by its name ({match.group()}) it is {what}, which edge-edet does not build"
    return None


def sibling_of_name(path: Path, variant: str) -> str | None:
    """The other variant of the same tensors that the name stands for; None: it names none.

    path: the last folders count too, the file's own name first.
    """
    for part in reversed(path.parts[-_FOLDERS:]):
        if match := _SIBLING.search(part):
            named = match[1].lower()
            return named if variant in _SIBLINGS and named != variant else None
    return None
