"""`edge-edet live`: a model on the camera's picture, in a browser; nothing is posted."""

from __future__ import annotations

from pathlib import Path

from edge_edet import __version__
from edge_edet.benchmarks.browser.serve import (
    Reach,
    announced,
    page_files,
    wait_for_interrupt,
)
from edge_edet.benchmarks.browser.served_model import read_served
from edge_edet.benchmarks.browser.server import Page
from edge_edet.detection import PostprocessConfig
from edge_edet.devices.litertjs import VERSION, find_litertjs
from edge_edet.errors import InputError

__all__ = ["serve_live"]

LOWEST = 0.05  # of the slider, where the graph did not drop more already


def serve_live(model: Path, threshold: float, reach: Reach, litertjs: Path | None) -> None:
    """Serve the page with the camera until Ctrl-C.

    Parameters
    ----------
    model
        A model file.
    threshold
        Lowest score at first, 0 to 1.
    reach
        Who can open the page.
    litertjs
        A folder with the packages of LiteRT.js; None: the cache, or npm.

    Raises
    ------
    EdgeEdetError
        For a file that does not load in browsers, or where LiteRT.js cannot be had.
    """
    lowest = min(LOWEST, PostprocessConfig(score_threshold=threshold).score_threshold)
    served = read_served(model, PostprocessConfig(score_threshold=lowest))
    built = served.layout.built_threshold if served.layout.in_graph else None
    if built is not None:
        if threshold < built:
            raise InputError(
                f"--score-threshold {threshold:g} is below {built:g}, which {model.name!r} was built "
                "with: give a higher one, or a file converted with --nms none"
            )
        served = read_served(model, PostprocessConfig(score_threshold=built))
    job = {
        "tool": f"edge-edet {__version__}",
        "litertjs": VERSION,
        "models": [served.to_dict(0)],
        "threshold": threshold,
        "lacks": reach.lacks,
    }
    page = Page(page_files("live.html", [served], find_litertjs(litertjs), job, {}), {}, _nothing)
    with announced(page, reach):
        wait_for_interrupt()


def _nothing(message: object, path: str) -> dict[str, object]:
    raise InputError("nothing is posted here")
