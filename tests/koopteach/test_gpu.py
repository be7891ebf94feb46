"""The same numbers on a CUDA device as on the CPU; run with ``pytest -m gpu --gpu`` where there is one.

The hot paths are those of ``python -m experiments gpu-check``; without a GPU ``test_fake_cuda.py`` runs them, too.
"""

import pytest
import torch

from experiments.gpu_check.all_paths import PATHS
from experiments.gpu_check.hot_paths import SOLVED, data, difference, features, mover, slow
from koopteach import FlowMatching, GeneratorEDMD, sliced_wasserstein2
from tests.tools import normal, seeded

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", PATHS)
def test_a_hot_path(name):
    path = PATHS[name]
    found = path.run(mover("cuda"))
    assert {x.device.type for x in found} == {"cuda"}
    assert difference(found, path.run(mover("cpu"))) <= path.tolerance


def test_a_generator_of_the_device_draws_there():
    there = torch.Generator("cuda").manual_seed(0)
    x = torch.randn(500, 2, dtype=torch.float64, device="cuda", generator=there)
    flow = FlowMatching(2).fit(x, n_steps=3, batch=32, generator=there, verbose=False)
    assert flow.sample(20, generator=there).device.type == "cuda"
    assert 0 <= sliced_wasserstein2(x, flow.sample(500, generator=there)) < float("inf")


def test_many_chunks_give_what_one_gives():
    """Sums of 200,000 points, far more than one chunk, beside those of the CPU."""
    x = data()[torch.randint(len(data()), (200_000,), generator=seeded())] + 0.01 * normal(200_000, 2)
    here, there = (GeneratorEDMD(move(features())).fit(move(x)).spectrum() for move in (mover("cpu"), mover("cuda")))
    assert difference(slow(there, x[:50].cuda()), slow(here, x[:50])) <= SOLVED
