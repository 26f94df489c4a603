"""Find objects in a folder of pictures, as JSON Lines: detect_folder.py MODEL FOLDER > found.jsonl"""

import json
import sys
from pathlib import Path

import edge_edet

model, folder = sys.argv[1:]
with edge_edet.load(model) as detector:  # loaded once, for all of them
    for path in sorted(Path(folder).iterdir()):
        try:
            detections = detector.detect(path)
        except edge_edet.ImageError as error:  # no picture, or a broken one
            print(error, file=sys.stderr)
            continue
        objects = [found.to_dict() for found in detections]
        print(json.dumps({"picture": path.name, "objects": objects}))
