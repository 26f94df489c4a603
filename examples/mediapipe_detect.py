"""Run a file with in-graph suppression in MediaPipe: mediapipe_detect.py build/d0-int8-nms.tflite PICTURE

Make the file with: edge-edet convert --int8 d0 --nms in-graph --to tflite -o build
"""

import sys

import mediapipe
from mediapipe.tasks.python import BaseOptions, vision

model, picture = sys.argv[1:]
options = vision.ObjectDetectorOptions(
    base_options=BaseOptions(model_asset_path=model), score_threshold=0.5
)
with vision.ObjectDetector.create_from_options(options) as detector:
    result = detector.detect(mediapipe.Image.create_from_file(picture))
for found in result.detections:
    box, best = found.bounding_box, found.categories[0]
    print(f"{best.category_name} {best.score:.2f}: {box.origin_x},{box.origin_y}", end=" ")
    print(f"to {box.origin_x + box.width},{box.origin_y + box.height}")
