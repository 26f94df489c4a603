"""Print medians out of a file of `edge-edet bench`: row_medians.py build/bench.jsonl

A row is a line of JSON (docs/measuring.md), so nothing of edge-edet is needed to read it.
"""

import json
import statistics
import sys
from pathlib import Path

for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
    row = json.loads(line)
    name, device = row["model"]["file"], row["device"]["name"]
    if row["how"] != "measured":  # estimated or emulated: no samples
        print(f"{name} on {device}: {row['how']}")
        continue
    samples = row["samples_ms"]  # stage -> every sample
    stages = "  ".join(f"{stage} {statistics.median(ms):.1f}" for stage, ms in samples.items())
    print(f"{name} on {device}, n={len(samples['end_to_end'])}, ms: {stages}")
