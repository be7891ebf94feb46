"""One lifting of each kind, small and in float64, for the tests of liftings and of flows with them."""

import pytest
import torch

from koopteach.koopman_flow import FreeGenerator
from koopteach.koopman_flow.lifting import path_lift, state_lift
from tests.tools import seeded

TIMES = torch.linspace(0, 1, 21, dtype=torch.float64)
GROWTH, FREQUENCY = torch.tensor([0.4, -0.7]), torch.tensor([2.1, 3.3])
SMALL = {"width": 24, "depth": 2, "n_frequencies": 8}


def liftings():
    """In float32, trainable, with a spectrum that is not symmetric."""
    pairs = (GROWTH, FREQUENCY)
    free = [FreeGenerator(2, 7, decoder=decoder, width=24, depth=2, generator=seeded()) for decoder in (True, False)]
    for lifting in free:
        lifting.free_rows.data.mul_(500)
    return {
        "state": state_lift(2, 2, pairs, generator=seeded(), **SMALL),
        "path": path_lift(2, TIMES, pairs, generator=seeded(), **SMALL),
        "decoder": free[0],
        "without decoder": free[1],
    }


LIFTINGS = {name: lifting.double().requires_grad_(False) for name, lifting in liftings().items()}
KINDS = pytest.mark.parametrize("lifting", LIFTINGS.values(), ids=LIFTINGS)
MODE_SUMS = pytest.mark.parametrize("lifting", [LIFTINGS["state"], LIFTINGS["path"]], ids=["state", "path"])
