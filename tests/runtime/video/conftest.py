from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

WIDTH, HEIGHT, RATE = 64, 48, 10


def shade(number: int) -> int:
    """Return the grey level that frame `number` of a test video has: levels survive the codec within 2."""
    return 20 + 10 * (number % 20)


@pytest.fixture
def make_video() -> Callable[..., Path]:
    """Encode grey frames, frame n in shade(n), or the pictures that are given."""

    def make(
        path: Path,
        count: int = 12,
        pictures: Iterable[Any] | None = None,
        rate: int = RATE,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        **options: str,
    ) -> Path:
        grey = (np.full((size[1], size[0], 3), shade(n), np.uint8) for n in range(count))
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            for pixels in grey if pictures is None else pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
        return path

    return make
