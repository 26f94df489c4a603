"""The EfficientDet networks as graphs of data."""

from __future__ import annotations

from edge_edet.network.architecture import (
    BATCH_NORM_EPSILON,
    FEATURE_STAGES,
    FUSION_EPSILON,
    backbone_blocks,
    count_parameters,
    parameter_shapes,
    study_of,
)
from edge_edet.network.build import BOX_CODES, CLASS_LOGITS, IMAGE, NetworkBuilder, build_network
from edge_edet.network.feature_networks import Fusion, bifpn_nodes, feature_nodes, lateral
from edge_edet.network.graph import SQUEEZE, Array, Graph, Node, borders, node_multiply_adds

__all__ = [
    "BATCH_NORM_EPSILON",
    "BOX_CODES",
    "CLASS_LOGITS",
    "FEATURE_STAGES",
    "FUSION_EPSILON",
    "IMAGE",
    "SQUEEZE",
    "Array",
    "Fusion",
    "Graph",
    "NetworkBuilder",
    "Node",
    "backbone_blocks",
    "bifpn_nodes",
    "borders",
    "build_network",
    "count_parameters",
    "feature_nodes",
    "lateral",
    "node_multiply_adds",
    "parameter_shapes",
    "study_of",
]
