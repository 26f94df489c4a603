"""Decode raw outputs with nothing but numpy: own_postprocessing.py MODEL PICTURE (docs/raw.md)"""

import sys

import numpy as np

import edge_edet

model, picture = sys.argv[1:]
with edge_edet.load(model) as detector:
    raw = detector.raw(picture)
    labels = detector.labels

codes = raw.real(raw.roles["boxes"])[0]  # [N, 4] ty tx th tw
logits = raw.real(raw.roles["classes"])[0]  # [N, classes]
scores = 1 / (1 + np.exp(-logits.max(axis=1)))
best = np.argsort(-scores)[:200]

ya, xa, ha, wa = raw.anchors[best].T  # pixels of the input
ty, tx, th, tw = codes[best].T
cy, cx, h, w = ty * ha + ya, tx * wa + xa, np.exp(th) * ha, np.exp(tw) * wa
boxes = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1)
boxes /= np.tile([raw.placement.scale_x, raw.placement.scale_y], 2)  # pixels of the picture

kept = []  # your own suppression: here, one box for each place, whatever its class
for i, box in enumerate(boxes):
    centre = (box[:2] + box[2:]) / 2
    near = [k for k in kept if (abs((boxes[k][:2] + boxes[k][2:]) / 2 - centre) < 20).all()]
    if scores[best[i]] > 0.5 and not near:
        kept.append(i)
for i in kept:
    print(labels[logits[best[i]].argmax()], f"{scores[best[i]]:.2f}", boxes[i].round(1))
