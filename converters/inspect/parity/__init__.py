"""The parity report: an INT8 model beside its float model, in one file."""

from __future__ import annotations

from edge_edet.converters.inspect.parity.report import claim_parity_report, write_parity_report

__all__ = ["claim_parity_report", "write_parity_report"]
