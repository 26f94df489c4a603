"""A detector that looks at the whole picture and at each tile of it, and merges what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_edet.detection.detections import Detections
from edge_edet.detection.detector import Detector, Observer
from edge_edet.detection.postprocess import PostprocessConfig, check_config, hard_nms
from edge_edet.detection.preprocess import LetterboxTransform
from edge_edet.detection.tiles.grid import Tile, tiles_of
from edge_edet.errors import InputError
from edge_edet.pictures import ImageLike, ReadPicture, warn_of

if TYPE_CHECKING:
    from edge_edet.detection.raw_outputs import RawOutputs

__all__ = ["TiledDetector", "TiledTransform"]

Array = npt.NDArray[Any]
BORDER_PX = 2.0  # a box that is this near to an inner border is cut off by it


@dataclass(frozen=True)
class TiledTransform(LetterboxTransform):
    """Where a picture and its tiles lie in their inputs: the whole picture's, and each tile's.

    Attributes
    ----------
    tiles
        Each tile, and where it lies in its input.
    """

    tiles: tuple[tuple[Tile, LetterboxTransform], ...]


class TiledDetector(Detector):
    """A detector that also looks at the tiles of a picture, for objects that are small in it.

    The whole picture is one input, and each tile another. Boxes that a tile's inner border cuts off are left
    out, since an overlapping tile or the whole picture has the object. What is left is merged by hard
    non-maximum suppression, class by class, at the IoU threshold of the postprocessing.

    Parameters
    ----------
    detector
        What runs the model. It is taken over: close this one only.
    tiles
        "auto" or columns x rows, such as "2x2", as `check_tiles` returns them.

    Attributes
    ----------
    tiles
        As given.

    Raises
    ------
    InputError
        The detector decodes scaled.
    """

    def __init__(self, detector: Detector, tiles: str):
        if detector.decode != "full":
            raise InputError(
                f"tiles are for the small things of a picture, and decode (--decode) {detector.decode} "
                "leaves them out: give one of the two"
            )
        super().__init__(
            detector.model,
            detector.layout,
            detector.backend,
            detector.config,
            detector.picture_range,
            detector.verified,
        )
        self.tiles = tiles

    def detect(
        self,
        image: ImageLike,
        *,
        config: PostprocessConfig | None = None,
        observer: Observer | None = None,
    ) -> Detections:
        """Find the objects in a picture, as `Detector.detect`; each stage ends once for all tiles.

        Parameters
        ----------
        image
            A path, a PIL image, or a uint8 array [height, width, 3] in RGB.
        config
            Thresholds and limits; None: the detector's.
        observer
            Told when each stage ends; None: nobody.

        Returns
        -------
        Detections
            Boxes in pixels of the picture, best first.
        """
        check_config(config)
        ended = observer or (lambda stage: None)
        picture = self.read(image)
        warn_of(picture.findings)
        ended("decode")
        tensor, placement = self._tensor(picture)
        ended("preprocess")
        outputs = self.infer(tensor)
        ended("inference")
        found = self.select(outputs, placement, config=config)
        ended("postprocess")
        return found

    def _tensor(self, picture: ReadPicture) -> tuple[Array, LetterboxTransform]:
        """Return the input tensors of a picture, [1 + tiles, height, width, 3], the whole picture first."""
        tiles = tiles_of(self.tiles, picture.size, self.layout.input_size)
        tensors, placements = [], []
        for tile in tiles:
            whole = tile == (0, 0, *picture.size)
            part = picture if whole else ReadPicture(picture.image.crop(tile), ())
            tensor, placement = super()._tensor(part)
            tensors.append(tensor)
            placements.append((tile, placement))
        first = placements[0][1]
        transform = TiledTransform(
            first.width, first.height, first.scale_x, first.scale_y, tuple(placements)
        )
        return np.concatenate(tensors), transform

    def infer(self, tensor: Array) -> dict[str, Array]:
        """Run the model on each input of [n, height, width, 3]; outputs are [n, ...], input by input.

        Parameters
        ----------
        tensor
            [n, height, width, 3], the picture's input and those of its tiles.

        Returns
        -------
        dict[str, Array]
            Output by tensor name.

        Raises
        ------
        InputError
            For a tensor of another shape.
        """
        if tensor.ndim != 4 or not len(tensor):
            raise InputError(
                f"the tensor must be [n, height, width, 3], but got {list(tensor.shape)}"
            )
        results = [super(TiledDetector, self).infer(one[None]) for one in tensor]
        return {name: np.stack([one[name] for one in results]) for name in results[0]}

    def select(
        self,
        outputs: Mapping[str, Array],
        placement: LetterboxTransform,
        *,
        config: PostprocessConfig | None = None,
    ) -> Detections:
        """Turn raw outputs of the picture and its tiles into detections, merged.

        Parameters
        ----------
        outputs
            As `infer` returns them.
        placement
            What `prepare` gives beside the tensor.
        config
            Thresholds and limits; None: the detector's.

        Returns
        -------
        Detections
            Boxes in pixels of the picture, best first.

        Raises
        ------
        InputError
            For another placement.
        """
        if not isinstance(placement, TiledTransform):
            raise InputError("placement must be what prepare gives beside the tensor")
        parts = []
        for number, (tile, inner) in enumerate(placement.tiles):
            own = {name: output[number] for name, output in outputs.items()}
            found = super().select(own, inner, config=config)
            parts.append(_moved(found, tile, (placement.width, placement.height)))
        if len(parts) == 1:
            return parts[0]
        return _merged(parts, config or self.config)

    def raw_of(self, tensor: Array, placement: LetterboxTransform | None = None) -> RawOutputs:
        """Refuse with InputError: raw outputs are of one input.

        Parameters
        ----------
        tensor
            Not used.
        placement
            Not used.

        Returns
        -------
        RawOutputs
            Nothing: it always raises.

        Raises
        ------
        InputError
            Always: raw outputs are of one input.
        """
        raise InputError("raw outputs are those of one input: leave tiles out")


def _moved(found: Detections, tile: Tile, size: tuple[int, int]) -> Detections:
    """Take boxes of a tile to the picture, without those that an inner border cuts off."""
    offset = np.array([tile.left, tile.top] * 2, np.float32)
    boxes = found.boxes + offset
    inner = np.array([tile.left > 0, tile.top > 0, tile.right < size[0], tile.bottom < size[1]])
    cut = inner & (np.abs(boxes - np.array(tile, np.float32)) < BORDER_PX)
    keep = ~cut.any(axis=1)
    return Detections(boxes, found.scores, found.classes, found.labels)[keep]


def _merged(parts: list[Detections], config: PostprocessConfig) -> Detections:
    """Suppress across tiles; of equal scores the whole picture's goes first."""
    boxes, scores, classes = (
        np.concatenate([getattr(one, name) for one in parts])
        for name in ("boxes", "scores", "classes")
    )
    labels = [label for one in parts for label in one.labels]
    order = np.argsort(-scores, kind="stable")
    kept = order[hard_nms(boxes[order], config.iou_threshold, config.per_class, classes[order])]
    kept = kept[np.argsort(-scores[kept], kind="stable")][: config.max_detections]
    return Detections(
        boxes[kept], scores[kept], classes[kept], tuple(labels[i] for i in kept.tolist())
    )
