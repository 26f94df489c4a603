"""The fields of a protocol that say how many samples were taken, and the options that set them."""

from __future__ import annotations

OPTIONS = {  # of `edge-edet bench`, by the rule's fields
    "warmup": "--warmup",
    "warmup_s": "--warmup-seconds",
    "min_samples": "--samples",
    "relative_width": "--ci-width",
    "max_samples": "--max-samples",
    "max_s": "--max-seconds",
}


# of a protocol: how many samples are taken is no difference in what is measured
SAMPLING = tuple(OPTIONS)
