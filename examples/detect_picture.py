"""Find objects in one picture: detect_picture.py build/d0-int8.tflite build/smear.png"""

import sys

import edge_edet

model, picture = sys.argv[1:]
with edge_edet.load(model, threads=2) as detector:
    detections = detector.detect(picture, config=edge_edet.PostprocessConfig(score_threshold=0.5))
for found in detections:  # best first
    xmin, ymin, xmax, ymax = found.box  # pixels of the picture
    print(f"{found.label} {found.score:.2f}: {xmin:.0f},{ymin:.0f} to {xmax:.0f},{ymax:.0f}")
