"""Several processes find what one finds: fits that add by joblib and Dask, particles and networks under torchrun.

Each test starts processes of its own (tests/scale.py), on this computer alone, and ends them after a time.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from koopteach import GeneratorEDMD, Ranks
from koopteach.ranks import ALONE
from tests import scale
from tests.needs import needs

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
LONG = 150  # seconds; on a quiet computer all of this file takes less than a minute

pytestmark = [pytest.mark.scale, pytest.mark.slow]
under_torchrun = pytest.mark.skipif(os.name == "nt", reason="torch for Windows has no libuv, which torchrun wants")


def run(*words, seconds=LONG):
    """Start ``python -m WORDS`` and wait: exit status and output. What is still there after that long is ended."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""} | (
        {"GLOO_SOCKET_IFNAME": LOOPBACK} if LOOPBACK else {}
    )
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    process = subprocess.Popen([sys.executable, "-m", *map(str, words)], cwd=ROOT, env=environment, **options)
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        (os.killpg if hasattr(os, "killpg") else os.kill)(process.pid, 9)
        pytest.fail(f"{words} did not end in {seconds} s:\n{process.communicate()[0]}")
    return process.returncode, output


def torchrun(job, folder):
    return run("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "tests.scale", job, folder)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Files of unequal lengths, one of a single point; their rows; and one with a NaN."""
    folder, x = tmp_path_factory.mktemp("shards"), scale.wells(3001)
    for number, part in enumerate(x.split([700, 1, 1300, 1000])):
        np.save(folder / f"shard{number}.npy", part.numpy())
    broken = x[:10].clone()
    broken[3] = torch.nan
    np.save(folder / "broken.npy", broken.numpy())
    return folder, x


def agree(found, needed):
    torch.testing.assert_close(found, needed, rtol=1e-12, atol=1e-12 * float(needed.abs().max()))


def test_joblib_adds_to_one_fit_and_names_the_file_of_a_nan(shards):
    joblib = needs("joblib")
    (folder, x), psi = shards, scale.dictionary()
    with joblib.Parallel(n_jobs=2, timeout=LONG) as parallel:
        parts = parallel(joblib.delayed(scale.fit)(file, psi) for file in sorted(folder.glob("shard*.npy")))
        with pytest.raises(ValueError, match=r"NaN.* rows 0 to 9 of .*broken\.npy\.$"):
            parallel([joblib.delayed(scale.fit)(folder / "broken.npy", psi)])
    total, whole = sum(parts), GeneratorEDMD(psi).fit(x)
    assert total.n_points == 3001
    for name in ("_weight", "_psi", "_gram", "_stiffness"):
        agree(getattr(total, name), getattr(whole, name))


def test_dask_adds_to_one_fit_although_a_worker_dies(shards):
    needs("distributed")
    folder, x = shards
    status, output = run("tests.scale", "dask", folder)
    assert status == 0, output
    assert (folder / "died").exists()
    n, gram, stiffness, size = torch.load(folder / "total.pt")
    whole = GeneratorEDMD(scale.dictionary()).fit(x)
    assert n == 3001
    agree(gram, whole._gram)
    agree(stiffness, whole._stiffness)
    assert size > gram.nbytes + stiffness.nbytes
    assert "broken.npy" in (folder / "told").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What the two processes of a torchrun found."""
    if os.name == "nt":
        pytest.skip("torch for Windows has no libuv, which torchrun wants")
    folder = tmp_path_factory.mktemp("ranks")
    status, output = torchrun("particles", folder)
    assert status == 0, output
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.parametrize("setting", range(len(scale.SETTINGS)), ids=map(str, scale.SETTINGS))
def test_particles_of_two_processes_are_those_of_one(ranks, setting):
    """Rounding grows tenfold over these sixty steps."""
    needed = scale.moved(Ranks(), *scale.SETTINGS[setting])
    assert ranks[0]["rows"] == ranks[1]["rows"] == scale.CUT
    assert float(needed.limited.max()) > 0.5
    found = [rank["runs"][setting] for rank in ranks]
    torch.testing.assert_close(torch.cat([run[0] for run in found], dim=1), needed.particles, rtol=0, atol=1e-12)
    for _, energy, limited in found:
        torch.testing.assert_close(energy, needed.energy, rtol=1e-10, atol=1e-20)
        torch.testing.assert_close(limited, needed.limited, rtol=1e-12, atol=0)


def test_all_processes_stop_when_one_has_lost_its_particles(ranks):
    assert [rank["lost"] for rank in ranks] == [(True, 0)] * 2


def test_a_stream_of_its_own_gives_each_process_other_noise(ranks):
    assert ranks[0]["own noise"].shape == (4, 2)
    assert bool((ranks[0]["own noise"] != ranks[1]["own noise"]).all())


def test_a_network_that_two_processes_train_is_that_of_one(ranks):
    needed, parameters = scale.regression(ALONE)
    for rank in ranks:
        for found, p in zip(rank["line"], parameters):
            torch.testing.assert_close(found, p, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(rank["records"][0][2], needed.losses, rtol=1e-8, atol=1e-12)


def test_all_processes_stop_when_one_has_lost_its_training(ranks):
    """The loss grows on one of them alone; the other would wait for it until the timeout."""
    (lost, steps, losses), (too, same_steps, same_losses) = (rank["records"][1] for rank in ranks)
    assert lost
    assert too
    assert steps.tolist() == same_steps.tolist()
    assert losses.tolist() == same_losses.tolist()
    assert all(map(torch.equal, ranks[0]["kept"], ranks[1]["kept"]))


def test_flow_matching_takes_a_network_that_is_wrapped_for_it(ranks):
    (losses, parameters), (same_losses, same) = (rank["flow"] for rank in ranks)
    assert losses.tolist() == same_losses.tolist()
    assert all(map(torch.equal, parameters, same))


@under_torchrun
def test_a_process_that_dies_ends_the_others_and_is_named(tmp_path):
    status, output = torchrun("death", tmp_path)
    assert status != 0
    assert "rank one fell over" in output
    assert float((tmp_path / "waited").read_text(encoding="utf-8")) < 20  # of 60
