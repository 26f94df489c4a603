"""Damages files of every kind and says how reading them ended: `python tests/hostile/run.py -n 300`."""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # no thread may be there when children are forked

import argparse
import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=300, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--part",
        type=int,
        nargs=2,
        default=(0, 1),
        metavar=("K", "OF"),
        help="every OF-th kind from the K-th, for several processes",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a kind")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    # Before any fork: what children would else import again and again.
    import ai_edge_litert.interpreter  # noqa: F401
    import h5py  # noqa: F401
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import openvino  # noqa: F401
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin
    import PIL.TiffImagePlugin  # noqa: F401
    import yaml  # noqa: F401
    from harness import BAD, run_kind
    from kinds import KINDS

    bad = 0
    for kind in KINDS[args.part[0] :: args.part[1]]:
        if args.kind and kind.name not in args.kind:
            continue
        tally = run_kind(kind, args.n, args.seed)
        wrong = sum(tally.counts[name] for name in BAD)
        bad += wrong
        if args.json:
            print(json.dumps({"kind": kind.name, **tally.to_dict()}), flush=True)
            continue
        counts = ", ".join(f"{name} {count}" for name, count in sorted(tally.counts.items()))
        print(f"{kind.name:16} {counts}; {tally.seconds:.1f} s, {tally.peak_mb} MB", flush=True)
        for name, seeds in tally.seeds.items():
            print(f"    {name}: {seeds[:10]}\n    {tally.words[name].strip()[-400:]}", flush=True)
    if not args.json:
        print(f"{bad} that must not be" if bad else "nothing that must not be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
