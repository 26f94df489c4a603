"""Run a trained EfficientDet on the device: `edge_edet.load("d0-int8.tflite").detect(image)`."""

__version__ = "0.1.0"
