"""`convert --max-drop`: the fastest model that loses no more accuracy than allowed."""

from __future__ import annotations

from edge_edet.converters.search.budget import Found, Task, search
from edge_edet.converters.search.builders import IrMaker, Made, Maker, TfliteMaker

__all__ = ["Found", "IrMaker", "Made", "Maker", "Task", "TfliteMaker", "search"]
