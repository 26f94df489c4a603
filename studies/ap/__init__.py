"""`edge-edet reproduce ap`: AP of variants, precisions and runtimes."""

from __future__ import annotations

from edge_edet.studies.ap.sweep import add_arguments, run

__all__ = ["add_arguments", "run"]
