"""Compare what runtimes and processors compute from one model."""
