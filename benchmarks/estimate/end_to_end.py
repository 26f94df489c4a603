"""What comes on top of the inference: decoding, preprocessing and postprocessing, on one thread.

The times were measured on one core of an x86-64 server (thread time, the least of 25), with a JPEG of
640 x 480, Pillow and NumPy. For a board they are scaled by how fast one core of it is at 7-zip, which
sbc-bench publishes. That is rough, so the interval goes from 1/DOUBT to DOUBT times of them.
"""

from __future__ import annotations

from edge_edet.benchmarks.rows import Estimate, EstimatedWhole

__all__ = ["DOUBT", "SEVEN_ZIP", "end_to_end", "stages_ms"]

# MIPS of 7-zip on one thread: github.com/ThomasKaiser/sbc-bench, Results.md (rpi4 at 1.8 GHz, rpi5 at
# 2.4, n100 at 3.4), and the server by 7z b -mmt1
SEVEN_ZIP = {"rpi4": 1844, "rpi5": 3196, "n100": 4073}
SERVER = 3940
DECODE_MS = 1.2
PREPROCESS_MS = (1.44, 5.0)  # and for a million pixels of the input: Lite0, D0 and D2
POSTPROCESS_MS = 1.5  # 0.8 to 5, by what is found
DOUBT = 2.5
SOURCE = (
    "decoding, preprocessing and postprocessing of a JPEG of 640 x 480 from an x86-64 server, moved by 7-zip "
    "on one thread (github.com/ThomasKaiser/sbc-bench)"
)


def stages_ms(device_id: str, image_size: tuple[int, int]) -> float:
    """Estimate decoding, preprocessing and postprocessing together, in ms, on one core of the board."""
    height, width = image_size
    fixed, each = PREPROCESS_MS
    here = DECODE_MS + fixed + each * height * width / 1e6 + POSTPROCESS_MS
    return here * SERVER / SEVEN_ZIP[device_id]


def end_to_end(inference: Estimate, device_id: str, image_size: tuple[int, int]) -> EstimatedWhole:
    """Add decoding, preprocessing and postprocessing to an inference.

    Parameters
    ----------
    inference
        Its estimate.
    device_id
        The board, one of SEVEN_ZIP.
    image_size
        Height and width of the model's input.
    """
    more = stages_ms(device_id, image_size)
    return EstimatedWhole(
        p50_ms=inference.p50_ms + more,
        low_ms=inference.low_ms + more / DOUBT,
        high_ms=inference.high_ms + more * DOUBT,
        source=SOURCE,
    )
