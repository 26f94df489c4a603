"""One style for all figures: colours for light and dark that colour-blind readers can distinguish.

Series use Okabe and Ito's palette, darkened where it would be faint on white. Nothing depends on colour
alone: precision is a shape, and what was not measured is hollow and dashed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["LAYOUTS", "RC", "ROLES", "Layout", "css_variables", "series_color", "themed"]

# role -> on light, on dark
ROLES: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14181d"),
    "ink": ("#1b1f24", "#e6e9ed"),
    "muted": ("#59636e", "#a3adb8"),
    "grid": ("#dfe3e8", "#30373f"),
    "published": ("#767f89", "#939da8"),
    "c0": ("#0072b2", "#4da9e8"),
    "c1": ("#d55e00", "#ff8a4c"),
    "c2": ("#00805c", "#36c99d"),
    "c3": ("#a8508a", "#e79cc6"),
    "c4": ("#b07a00", "#f2b632"),
    "c5": ("#3391cc", "#a6dcff"),
}
LIGHT = {role: light for role, (light, _) in ROLES.items()}

RC = {
    "text.parse_math": False,  # a name with a $ in it is a name
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same look everywhere
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.edgecolor": LIGHT["muted"],
    "axes.labelcolor": LIGHT["ink"],
    "axes.facecolor": LIGHT["paper"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "figure.facecolor": LIGHT["paper"],
    "grid.color": LIGHT["grid"],
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.labelcolor": LIGHT["ink"],
    "text.color": LIGHT["ink"],
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"],
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "svg.fonttype": "path",  # no font of the reader's makes labels overlap
    "svg.hashsalt": "edge-edet",  # the same rows give the same bytes
}


@dataclass(frozen=True)
class Layout:
    """The measures of a drawing.

    Attributes
    ----------
    width, height
        In inches.
    legend_width
        Characters per line of an entry of the legend.
    columns
        Characters per line of a category's name.
    """

    name: str
    width: float
    height: float
    legend_columns: int
    legend_width: int
    columns: int


LAYOUTS = (Layout("wide", 7.6, 4.3, 2, 52, 58), Layout("narrow", 3.9, 3.6, 1, 48, 58))


def series_color(color: int | None) -> str:
    """Return the colour of a series on light paper, as `#rrggbb`."""
    return LIGHT["published" if color is None else f"c{color}"]


def themed(svg: str) -> str:
    """Return the SVG with CSS variables for colours, as the page has a light and a dark scheme."""
    names = {light: role for role, light in LIGHT.items()}
    return re.sub(
        r"#[0-9a-f]{6}\b",
        lambda found: f"var(--{names[found[0]]})" if found[0] in names else found[0],
        svg,
    )


def css_variables(dark: bool) -> str:
    """Return the CSS declarations of the colours of one scheme.

    Parameters
    ----------
    dark
        Whether of the dark scheme.

    Returns
    -------
    str
        CSS.
    """
    return "".join(f"--{role}:{colors[dark]};" for role, colors in ROLES.items())
