"""Whether runtimes and processors compute the same from one model."""
