"""Detection in tiles of large pictures, for objects that are small in them."""

from __future__ import annotations

from edge_edet.detection.tiles.grid import Tile, check_tiles, tiles_of
from edge_edet.detection.tiles.tiled_detector import TiledDetector, TiledTransform

__all__ = ["Tile", "TiledDetector", "TiledTransform", "check_tiles", "tiles_of"]
