"""TensorFlow Lite's benchmark_model: the arguments to call it with, and the log that it prints."""

from __future__ import annotations

from edge_edet.devices.benchmark_model.tool import BenchmarkLog, arguments, parse_logs

__all__ = ["BenchmarkLog", "arguments", "parse_logs"]
