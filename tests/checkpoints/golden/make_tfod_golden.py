"""Writes tfod/: what the Object Detection API's own code makes of seeded weights.

    python -m venv reference
    reference/bin/pip install tensorflow-cpu==2.21.0 six absl-py pyyaml
    reference/bin/pip install --no-deps tf-keras==2.21.0 tf-slim==1.1.0 tf-models-official==2.8.0
    reference/bin/pip install --no-deps tf-models-research-object-detection==2.8.0.post1
    reference/bin/python tests/checkpoints/golden/make_tfod_golden.py

The last package is research/object_detection of tensorflow/models as of version 2.8. What it imports
for other networks and for training alone (tensorflow_io, pycocotools, lvis, the classifier's
preprocessing) is replaced by empty modules.

For each case CASE.npz: every STEP-th row of class_predictions_with_background (`logits`), box_encodings
(`codes`), raw_detection_boxes (`boxes`, y x y x from 0 to 1) and of the last class of
raw_detection_scores (`scores`), in the API's order, for the normalized picture that
numpy.random.default_rng(1) draws. names.json: for each published network the number of variables, those
that inference uses, and the SHA-256 of the latters' names and shapes, sorted.
"""

import hashlib
import importlib.abc
import importlib.machinery
import json
import os
import sys
import types
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"  # its descriptions are of protoc 3

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from tfod_network import CASES, PUBLISHED, STEP, pipeline_config, seeded_values  # noqa: E402

_ABSENT = ("tensorflow_io", "pycocotools", "lvis")
_PREPROCESSING = "official.legacy.image_classification.preprocessing"


class _Empty(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in _ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Empty(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.append(_Absent())
sys.modules[_PREPROCESSING] = _Empty(_PREPROCESSING)

import numpy as np  # noqa: E402
import object_detection  # noqa: E402

sys.path.append(str(Path(object_detection.__file__).parent))  # for `nets`, slim's networks
import tensorflow as tf  # noqa: E402
from google.protobuf import text_format  # noqa: E402
from object_detection.builders import model_builder  # noqa: E402
from object_detection.protos import pipeline_pb2  # noqa: E402
from tensorflow.python.checkpoint.graph_view import ObjectGraphView  # noqa: E402


def build(case):
    """The model, its variables made, and path -> variable as a checkpoint names them."""
    config = text_format.Parse(pipeline_config(case), pipeline_pb2.TrainEvalPipelineConfig())
    model = model_builder.build(config.model, is_training=False)
    model.predict(tf.zeros((1, 256, 256, 3)), tf.constant([[256, 256, 3]]))
    paths = ObjectGraphView(model).breadth_first_traversal()[1]
    return model, {
        "/".join(step.name for step in path): trackable
        for trackable, path in paths.items()
        if isinstance(trackable, tf.Variable)
    }


def write_case(name, case):
    model, variables = build(case)
    values = seeded_values({path: tuple(each.shape) for path, each in variables.items()})
    for path, variable in variables.items():
        variable.assign(values[path])
    size = case.size
    image = np.random.default_rng(1).normal(0, 1, (1, size, size, 3)).astype(np.float32)
    shape = tf.constant([[size, size, 3]])
    said = model.predict(tf.constant(image), shape)
    after = model.postprocess(said, shape)
    rows = {
        "logits": said["class_predictions_with_background"],
        "codes": said["box_encodings"],
        "scores": after["raw_detection_scores"][..., -1:],
        "boxes": after["raw_detection_boxes"],
    }
    np.savez_compressed(
        HERE / f"tfod/{name}.npz", **{key: rows[key].numpy()[0, ::STEP] for key in rows}
    )


def describe(case):
    _, variables = build(case)
    used = {
        path: tuple(variable.shape)
        for path, variable in variables.items()
        if "/classification_backbone/" not in path
    }
    text = "\n".join(f"{path} {shape}" for path, shape in sorted(used.items()))
    return {
        "variables": len(variables),
        "used": len(used),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


if __name__ == "__main__":
    (HERE / "tfod").mkdir(exist_ok=True)
    chosen = sys.argv[1:] or list(CASES)
    for name in chosen:
        write_case(name, CASES[name])
    if len(sys.argv) == 1:
        described = {name: describe(case) for name, case in PUBLISHED.items()}
        (HERE / "tfod/names.json").write_text(json.dumps(described, indent=1) + "\n")
