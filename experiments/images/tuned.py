"""What the validation part chose. Rows are told so by their parameters; a test compares this with the tuning's rows."""

from __future__ import annotations

# Of KSWGD the candidate with the least Frechet distance of those with halves of at most COPIES: of ever narrower
# kernels the distance falls, as copies have a good one. Of the flow the best number of steps for digits; for clothes
# 24,000, as longer training still gains, but less and less. EQUAL_STEPS take about KSWGD's seconds.
COPIES = 0.55
TUNED = {
    "fashion": {"kernels": 300, "width": 0.6, "variance": 0.0},
    "digits": {"kernels": 500, "width": 0.8, "variance": 0.01},
}
STEPS = {"fashion": 24_000, "digits": 8000}
EQUAL_STEPS = {"fashion": 700, "digits": 400}


def options(name: str, method: str) -> dict[str, float]:
    """What a method is told beside the data."""
    steps = {"latent flow": STEPS, "latent flow, equal seconds": EQUAL_STEPS}
    return TUNED[name] if method == "KSWGD, tuned" else {"steps": steps[method][name]} if method in steps else {}
