"""`convert --max-drop`: the fastest model that loses no more accuracy than allowed."""

from __future__ import annotations

from edge_edet.converters.search.budget import SearchRequest, SearchResult, search
from edge_edet.converters.search.builders import IrBuilder, ModelBuilder, TfliteBuilder

__all__ = ["IrBuilder", "ModelBuilder", "SearchRequest", "SearchResult", "TfliteBuilder", "search"]
