"""Objects that keep their identity from frame to frame, and what they cross: `edge-edet[track]`."""

from __future__ import annotations

from edge_edet.tracking.counting import Counting, Event, Line, Zone, line_of, read_zones
from edge_edet.tracking.tracked import TrackedDetections
from edge_edet.tracking.tracker import Tracker
from edge_edet.tracking.trails import Trails

__all__ = [
    "Counting",
    "Event",
    "Line",
    "TrackedDetections",
    "Tracker",
    "Trails",
    "Zone",
    "line_of",
    "read_zones",
]
