"""Facts: what files, names and options say about how a detector was trained."""

from __future__ import annotations

from edge_edet.converters.facts.anchor_boxes import fact_of_boxes
from edge_edet.converters.facts.config import fact_of_arch, fact_of_config
from edge_edet.converters.facts.fact import Fact, not_stated, settle, standing
from edge_edet.converters.facts.file_names import fact_of_name, other_network, sibling_of_name
from edge_edet.converters.facts.network_config import NETWORK_KEYS
from edge_edet.converters.facts.notes import training_notes
from edge_edet.converters.facts.options import TrainingOptions, facts_of_options

__all__ = [
    "NETWORK_KEYS",
    "Fact",
    "TrainingOptions",
    "fact_of_arch",
    "fact_of_boxes",
    "fact_of_config",
    "fact_of_name",
    "facts_of_options",
    "not_stated",
    "other_network",
    "settle",
    "sibling_of_name",
    "standing",
    "training_notes",
]
