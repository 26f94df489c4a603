"""Memory of a long video: 10,000 frames of 320 x 240 through a real D0 of 128 x 128 (docs/how-to/video.md).

    edge-edet convert --fp32 d0 --weights bundled --image-size 128 --to tflite -o build/small
    python tests/runtime/video/measure_memory.py build/small/d0-128-fp32.tflite [--track]

prints the resident memory in MB after each 1,000 frames.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image

import edge_edet
from edge_edet.demo_video import draw_smear_video

FRAMES = 10_000


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--track", action="store_true")
    args = parser.parse_args()
    small = [
        np.asarray(Image.fromarray(one.image).resize((320, 240))) for one in draw_smear_video(1, 60)
    ]
    there_and_back = [*small, *small[::-1]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for number in range(FRAMES):
                pixels = there_and_back[number % len(there_and_back)]
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        objects = 0
        with edge_edet.load(args.model, threads=1) as detector:
            for frame, found in edge_edet.stream(path, detector, track=args.track):
                objects += len(found)
                if (frame.number + 1) % 1000 == 0:
                    print(
                        f"{frame.number + 1:>6} frames {objects:>7} objects {resident_mb():>7.1f} MB",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
