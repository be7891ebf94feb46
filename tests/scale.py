"""What tests/koopteach/test_scale.py starts as processes of its own: ``python -m tests.scale JOB FOLDER``.

Each job writes what it found into FOLDER; under ``torchrun`` one file a rank.
"""

from __future__ import annotations

import operator
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn
from torch.distributed.elastic.multiprocessing.errors import record

import koopteach as kt
from koopteach.flow_matching import train
from koopteach.flow_matching.units import Units
from koopteach.ranks import ranks_of

CUT = [500, 1001]  # 1,501 particles, unevenly
SETTINGS = [(damping, noise) for damping in (1.0, float("inf")) for noise in (0.0, 0.3)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def wells(n, seed=0):
    return kt.DoubleWell(2.0).sample(n, seeded(seed))


def dictionary():
    """The same in every process: made from a sample of its own."""
    return kt.MultiScale.from_data(wells(500, seed=9), (12, 6), generator=seeded())


def fit(file, psi):
    """What an engine runs on each shard; the error of a memory map names its file."""
    return kt.GeneratorEDMD(psi).fit(np.load(file, mmap_mode="r"))


def dying_once(file, psi, sign):
    """The first process that comes here dies, as one that runs out of memory does."""
    if not sign.exists():
        sign.touch()
        os._exit(9)
    return fit(file, psi)


def moved(ranks, damping, noise):
    """Particles on the way to a Gaussian: a flow in which rounding does not grow."""
    data = kt.OrnsteinUhlenbeck(2).sample(2000, seeded())
    spectrum = kt.GeneratorEDMD(kt.Hermite(2, 4)).fit(data).spectrum(8)
    x0 = 0.5 + 0.3 * torch.randn(sum(CUT), 2, dtype=torch.float64, generator=seeded(1))
    mine = x0 if ranks.size == 1 else x0.split(CUT)[ranks.rank]
    method = kt.KSWGD(spectrum, damping=damping, noise=noise, ranks=ranks)
    return kt.run_particles(method, mine, generator=seeded(2), verbose=False)


def blown_up(ranks):
    """Particles that are lost on the last rank alone."""

    class Method:
        def __init__(self):
            self.ranks = ranks

        def init(self, x):
            return None

        def step(self, x, state, **options):
            return x * (1e9 if ranks.rank == ranks.size - 1 else 1.0), state, {}

    return kt.run_particles(Method(), torch.ones(3, 1), n_steps=5, verbose=False)


def regression(ranks, *, lost_at=None):
    """A line fitted to rows that the ranks share: parameters of the module, and the record."""
    torch.manual_seed(0)
    net = nn.Linear(3, 1).double()
    x = torch.randn(64, 3, dtype=torch.float64, generator=seeded())
    y = x.sum(dim=1, keepdim=True) + 1
    x, y = ranks.part(x), ranks.part(y)
    shared = nn.parallel.DistributedDataParallel(net) if ranks.size > 1 else net
    calls = []

    def loss():
        calls.append(1)
        worse = 100.0 if lost_at is not None and ranks.rank and len(calls) > lost_at else 0.0
        return (shared(x) - y).square().mean() + worse

    record = train(loss, shared.parameters(), n_steps=200, lr=0.02, ranks=ranks_of(shared), verbose=False)
    return record, [p.detach().clone() for p in net.parameters()]


def flow(ranks):
    """A flow trained by both on rows of their own."""
    data = kt.moons.sample(400, seeded())
    net = kt.FourierNet(2, width=8, depth=1, generator=seeded())
    given = nn.parallel.DistributedDataParallel(net)
    found = kt.FlowMatching(2, net=given).fit(
        ranks.part(data),
        n_steps=40,
        batch=32,
        standardize=Units.of(data, None),
        generator=seeded(5 + ranks.rank),
        verbose=False,
    )
    return found.training.losses, [p.detach().clone() for p in found.net.parameters()]


@record
def particles(folder):
    torch.set_num_threads(1)
    ranks = kt.Ranks(timeout=60)
    runs = [moved(ranks, *setting) for setting in SETTINGS]
    found = {"rows": ranks.counts(CUT[ranks.rank]), "runs": [(run.particles, run.energy, run.limited) for run in runs]}
    lost = blown_up(ranks)
    found["lost"] = (lost.diverged, int(lost.steps[-1]))
    trained, found["line"] = regression(ranks)
    diverged, found["kept"] = regression(ranks, lost_at=100)
    found["records"] = [(r.diverged, r.steps, r.losses) for r in (trained, diverged)]
    found["flow"] = flow(ranks)
    own = kt.Ranks(same_noise=False).randn((4, 2), torch.zeros(1), seeded(ranks.rank))
    found["own noise"] = own
    torch.save(found, folder / f"{ranks.rank}.pt")
    distributed.destroy_process_group()


@record
def death(folder):
    torch.set_num_threads(1)
    ranks = kt.Ranks(timeout=60)
    if ranks.rank == 1:
        raise RuntimeError("rank one fell over")
    started = time.time()
    try:
        ranks.mean(torch.ones(1), 1)
    finally:
        (folder / "waited").write_text(str(time.time() - started), encoding="utf-8")


def dask(folder):
    """A worker dies once, a shard holds NaN."""
    import dask.bag
    from dask.distributed import Client, LocalCluster

    files = sorted(map(str, folder.glob("shard*.npy")))
    # without these two the nanny's allocator doubles the processor time of a fit, and threads share two cores
    dask.config.set({"distributed.nanny.pre-spawn-environ": {"MALLOC_TRIM_THRESHOLD_": None, "OMP_NUM_THREADS": 1}})
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(**options) as cluster, Client(cluster, timeout=60) as client:
        psi = dictionary()
        parts = client.map(dying_once, files, psi=psi, sign=folder / "died")
        total = client.submit(sum, parts).result(timeout=100)
        torch.save((total.n_points, total._gram, total._stiffness, sys.getsizeof(total)), folder / "total.pt")
        bag = dask.bag.from_sequence([*files, str(folder / "broken.npy")], npartitions=3).map(fit, psi=psi)
        try:
            bag.fold(operator.add, split_every=2).compute()
        except ValueError as error:
            (folder / "told").write_text(str(error), encoding="utf-8")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
