# %% [markdown]
# # Scaling out: what two machines must tell each other
#
# **45 minutes · level: core · device: CPU · prerequisites: lessons 03 (generator) and 05 (KSWGD)**
#
# Its question: *a hundred million rows, or a million particles, do not fit on one machine. What must two machines tell each other so
# that together they compute what one would have computed, and how often is it worth the trouble?*
#
# Before anything is distributed, look at what more data buy. Below, the slowest rate of a double well is estimated from more
# and more points, twelve times each, with a coarse dictionary and with a finer one.

# %%
import torch

import koopteach as kt
from koopcourse import plotting

well = kt.DoubleWell(3.0)
exact = float(well.exact_rates(1)[0])
grid = torch.linspace(-1.8, 1.8, 24, dtype=torch.float64)[:, None]
fine, coarse = kt.GaussianRBF(grid, 0.25), kt.GaussianRBF(grid[::6], 0.8)


def rate(x, dictionary=fine):
    return float(kt.GeneratorEDMD(dictionary).fit(x).spectrum(1).rates[0])


# %%
counts = [100, 300, 1000, 3000, 10_000, 30_000, 100_000]
errors = {"4 wide kernels": [], "24 narrow kernels": []}
for n in counts:
    draws = [well.sample(n, torch.Generator().manual_seed(100 + k)) for k in range(12)]
    for name, dictionary in zip(errors, (coarse, fine)):
        found = torch.tensor([rate(x, dictionary) for x in draws])
        errors[name].append(float((found / exact - 1).square().mean().sqrt()))
errors["slope −1/2"] = [errors["24 narrow kernels"][2] * (1000 / n) ** 0.5 for n in counts]

# %% tags=["collapsed"]
alt = """Relative error of the slowest rate against the number of points, both on logarithmic axes.
With 24 narrow kernels it falls along a line of slope minus one half to about a hundredth. With 4
wide ones it stays at one half."""
plotting.curves(
    counts, errors, xlabel="points", ylabel="relative error", logx=True, logy=True, alt=alt
)
assert errors["4 wide kernels"][-1] > 3 * errors["24 narrow kernels"][-1]

# %% [markdown]
# Two things to keep for the rest of the lesson. A tenth of the points costs a factor of three in accuracy, no more: **the first thing to do with a
# hundred million rows is to take a hundred thousand of them at random.** And with the wrong dictionary more data buy nothing at all.
#
# ## You will be able to
#
# - **join** statistics that several machines computed, to the last digit (L15-E1)
# - **distribute** one step of KSWGD over machines that never see each other's particles (L15-E2)
# - **collect** answers that come twice, torn or never (L15-E3)
# - **foresee** features and memory of a fit, and what its report will warn of (L15-E4)

# %%
import koopcourse as kc

profile = kc.setup("15")

# %% [markdown]
# ## The idea without formulas
#
# Whatever a fit needs from the data is a **sum over rows**: of features, of products of features, of products of gradients. So a machine that holds some of
# the rows can send its sums, a few hundred kilobytes however many rows there were, and the sums of all machines add up to what one machine would have had. Solving comes last,
# once, and is cheap.
#
# What is *not* a sum cannot be sent: eigenvalues, eigenfunctions, means, widths, medians. A mean is a sum that was divided too early.
#
# Particles are no different. Each moves by eigenfunctions that everybody knows, with weights that depend on all particles, but only through two means. One small message a step, and the particles stay at home.

# %% [markdown]
# ## The mathematics
#
# Lesson 03's estimator solves $Sa=\lambda Ga$ with, over all rows $x_i$ of weight $w_i$,
#
# $$S=\frac1W\sum_iw_i\,\nabla\psi(x_i)\nabla\psi(x_i)^\top,$$
#
# $$G=\frac1W\sum_iw_i\,\psi(x_i)\psi(x_i)^\top-\bar\psi\bar\psi^\top,\qquad\bar\psi=\frac1W\sum_iw_i\,\psi(x_i), \tag{1}$$
#
# where $W=\sum_iw_i$. Four sums, $W$, $\sum w\psi$, $\sum w\psi\psi^\top$ and $\sum w\nabla\psi\nabla\psi^\top$, hold everything: $2m^2+m+1$ numbers for $m$ features, at any number of rows. In lesson 05 a particle at $x$ moves by
#
# $$v(x)=-\sum_kw_k\nabla\phi_k(x),\qquad w=(1+\varepsilon)(M+\varepsilon\Lambda)^{-1}m, \tag{2}$$
#
# with $m=\frac1n\sum_j\phi(x_j)$ and $M=\frac1n\sum_j\nabla\phi(x_j)\nabla\phi(x_j)^\top$: two more sums, $r+r^2$ numbers for $r$ modes. And the error of what is estimated from $n$ independent rows falls as
#
# $$\text{error}\approx\text{bias of the dictionary}+C\,n^{-1/2}. \tag{3}$$
#
# *The assumption that usually fails* is that everybody has the same $\psi$. Whoever lets each machine choose its own centres by k-means adds numbers that belong to different functions.

# %% [markdown]
# ## From scratch
#
# Two files, as unlike as can be: one has the rows of the left well, the other those of the right one. Each machine computes its sums (1); somebody adds them and solves.

# %%
rows = well.sample(20_000, profile.generator(1))
left, right = rows[rows[:, 0] < 0], rows[rows[:, 0] >= 0]


def sums(x):
    """The four sums of one machine."""
    psi, slopes = fine(x), fine.grad(x)[:, :, 0]
    return [torch.tensor(float(len(x))), psi.sum(0), psi.T @ psi, slopes.T @ slopes]


def solve(total, psi, gram, stiffness):
    """The rates of equation (1)."""
    mean = psi / total
    gram = gram / total - torch.outer(mean, mean)
    values, vectors = torch.linalg.eigh(gram)
    kept = values > 1e-8 * values[-1]
    whiten = vectors[:, kept] / values[kept].sqrt()
    return torch.linalg.eigvalsh(whiten.T @ (stiffness / total) @ whiten)


# %%
added = solve(*(a + b for a, b in zip(sums(left), sums(right))))

a, b = (kt.GeneratorEDMD(fine).fit(x) for x in (left, right))
together = (a + b).spectrum()
whole = kt.GeneratorEDMD(fine).fit(rows).spectrum()
kc.show(
    "slowest rate: sums added by hand, a + b, one machine",
    [added[0], together.rates[0], whole.rates[0]],
)
assert torch.allclose(together.rates[:5], whole.rates[:5], rtol=1e-6)
assert torch.allclose(added[:5], whole.rates[:5], rtol=1e-3)

# %% [markdown]
# The estimators of the package add: `a + b` is a new one, as if it had seen both files, and `sum(parts)` joins any number. Neither `a` nor `b` is changed, which matters as soon as something is computed twice.
#
# ## Means of answers
#
# **Predict, then run.** A colleague lets each machine solve for itself and averages the two rates. The files are equally large. His rate will be
#
# <details><summary>about right</summary>
#
# It would be, if each file were a random half of the rows: two estimates of the same number. These files are not; look at what each of them has seen.
#
# </details>
# <details><summary>a little off, and right with the files' sizes as weights</summary>
#
# No weighting of two wrong answers gives the right one: neither file has ever seen a passage from left to right.
#
# </details>
# <details><summary>of another order</summary>
#
# Right. The slow process is the passage between the wells. Each machine finds its own well's fast relaxation, and so does the mean. The sums know of both wells.
#
# </details>

# %%
alone = [rate(left), rate(right)]
kc.show("left alone, right alone", alone, 2)
kc.show("their mean, of the sums, exact", [sum(alone) / 2, together.rates[0], exact], 2)

# %% tags=["collapsed"]
assert sum(alone) / 2 > 10 * exact and abs(together.rates[0] / exact - 1) < 0.1

fig, axes = plotting.new_figure(3, height=2.4, sharey=True)
x = torch.linspace(-1.7, 1.7, 200, dtype=torch.float64)[:, None]
for ax, spectrum, name in zip(
    axes, (a.spectrum(1), b.spectrum(1), together), ("left alone", "right alone", "a + b")
):
    phi = spectrum(x)[:, 0]
    here = left if name == "left alone" else right if name == "right alone" else rows
    seen = (x[:, 0] > here.min()) & (x[:, 0] < here.max())
    ax.plot(x[seen, 0], phi[seen] * torch.sign(phi[seen][-1]), color=plotting.COLORS["model"])
    ax.hist(here[:, 0], bins=40, density=True, color=plotting.COLORS["data"], alpha=0.4)
    ax.set(title=name, xlabel="x", xlim=(-1.9, 1.9))
axes[0].set_ylabel("slowest eigenfunction")
alt = """Three panels with the rows of each fit as a histogram and its slowest eigenfunction. Left
alone and right alone: a line within one well. Of the sums: a step from one well to the other."""
plotting.finish(fig, alt)

# %% [markdown]
# ## One step, two machines
#
# Now the particles. A list plays the part of the network: everybody puts a message in, and everybody reads their sum. That is all that `all_reduce` does.

# %%
spectrum = whole.truncate(8)
particles = -1 + 0.2 * torch.randn(500, 1, dtype=torch.float64, generator=profile.generator(2))
homes, network = [particles[:350], particles[350:]], []
for x in homes:  # each machine, for itself
    slopes = spectrum.grad(x)
    message = [
        torch.tensor(float(len(x))),
        spectrum(x).sum(0),
        torch.einsum("nkd,nld->kl", slopes, slopes),
    ]
    network.append(message)
n, m, metric = (sum(parts) for parts in zip(*network))
w = 2 * torch.linalg.solve(metric / n + torch.diag(spectrum.energies), m / n)
moves = [-spectrum.contract_grad(x, w) for x in homes]

kc.show("numbers in a message, numbers that stay at home", [1 + 8 + 64, 350, 150])

# %% tags=["collapsed"]
# together they move as one machine would have moved them
assert torch.allclose(torch.cat(moves), kt.KSWGD(spectrum).velocity(particles), atol=1e-9)

# %% [markdown]
# ## Two processes and four files
#
# The same with the engines that exist. **joblib** comes with scikit-learn and runs a function on several processes of this computer. The dictionary is chosen once, from a sample of everything; each task gets a file, and what comes back is an
# estimator, not rows. `np.load(..., mmap_mode="r")` leaves the rows on disk: a fit reads them in chunks and needs the memory of one.

# %%
import tempfile
from pathlib import Path

import joblib
import numpy as np

folder = Path(tempfile.mkdtemp())
for k, part in enumerate(np.array_split(rows.numpy(), 4)):
    np.save(folder / f"part{k}.npy", part)
files = sorted(folder.glob("*.npy"))


def fit(file, dictionary=fine):
    """The sums of one file, as an estimator."""
    return kt.GeneratorEDMD(dictionary).fit(np.load(file, mmap_mode="r"))


parts = joblib.Parallel(n_jobs=2)(joblib.delayed(fit)(file) for file in files)
by_joblib = sum(parts)
kc.show("rows seen", by_joblib.n_points, 5)

# %% tags=["collapsed"]
# four files by two processes give the rates of one fit
assert torch.allclose(by_joblib.spectrum(5).rates, whole.rates[:5], rtol=1e-6)

# %% [markdown]
# On a cluster the engine is **Dask**, with the same `fit`: its scheduler hands out files, asks again where a worker died, and adds up in a tree. (`pip install "koopteach[scale]"` brings it.)
#
# <details><summary>The same ten lines with Dask</summary>
#
# ```python
# import operator
# import dask.bag
# from dask.distributed import Client, LocalCluster  # later SLURMCluster, or Kubernetes
#
# client = Client(LocalCluster(n_workers=2, threads_per_worker=1))
# bag = dask.bag.from_sequence([str(file) for file in files], npartitions=4)
# total = bag.map(fit).fold(operator.add, split_every=2).compute()
# spectrum = total.spectrum()
# ```
#
# </details>
#
# ## A worker dies
#
# **Predict, then run.** The worker of file 2 dies after its sums were sent, and before that was noted; its file is given out again. Somebody saves memory and lets every answer flow into *one* estimator by `partial_fit`.
# What does he get?
#
# <details><summary>the right rate: the same rows twice change no mean</summary>
#
# They would not, if all files came twice. One file of four does, and counts double.
#
# </details>
# <details><summary>an error: the rows have been seen</summary>
#
# A sum does not remember what it is made of. That is why it is small.
#
# </details>
# <details><summary>25,000 rows of 20,000, and no warning</summary>
#
# Right. It does little harm where the files are alike. With a left and a right one the wells' weights become two to one. A list of parts, one for each *file*, is filled a second time at the same place, and `a + b`
# changes neither: what went wrong is done again.
#
# </details>

# %%
careless = kt.GeneratorEDMD(fine)
for file in [*files, files[2]]:
    careless.partial_fit(np.load(file))
by_file = {}
for file in [*files, files[2]]:
    by_file[file] = fit(file)
kc.show(
    "rows: one estimator for all, a part for each file",
    [careless.n_points, sum(by_file.values()).n_points],
    5,
)
share = [len(right) / (len(left) * k + len(right)) for k in (1, 2)]
kc.show("right well's share of the rows, and with the left file twice", share, 2)

# %% tags=["collapsed"]
# one file came twice and counts double; half of the rows become a third
assert careless.n_points == 25_000 and sum(by_file.values()).n_points == 20_000
assert share[1] < 0.36 < 0.48 < share[0]

# %% [markdown]
# ## Particles on two ranks
#
# `torchrun` starts the same script once for each process, a *rank*; the ranks find each other and exchange sums by `all_reduce`. For us that is one word: `kt.KSWGD(spectrum, ranks=kt.Ranks())`, and each rank
# keeps its own particles. The script below runs 1,501 of them on two ranks, 751 and 750. (The engine needs half a minute to start; the steps take none.)

# %%
import os
import subprocess
import sys

SCRIPT = """
import sys
from datetime import timedelta
import numpy as np
import torch
import torch.distributed as dist
import koopteach as kt

folder = sys.argv[1]
dist.init_process_group("gloo", timeout=timedelta(seconds=60))
ranks = kt.Ranks()
spectrum = kt.Spectrum.load(f"{folder}/well.safetensors")
mine = torch.from_numpy(np.load(f"{folder}/start.npy")).tensor_split(ranks.size)[ranks.rank]
method = kt.KSWGD(spectrum, ranks=ranks)
g = torch.Generator().manual_seed(5)
run = kt.run_particles(method, mine, n_steps=60, generator=g, verbose=False)
np.save(f"{folder}/final{ranks.rank}.npy", run.final.numpy())
dist.destroy_process_group()
"""

# %%
start = -1 + 0.2 * torch.randn(1501, 1, dtype=torch.float64, generator=profile.generator(3))
spectrum.save(folder / "well.safetensors")
np.save(folder / "start.npy", start.numpy())
_ = (folder / "particles.py").write_text(SCRIPT, encoding="utf-8")

# %% tags=["nbval-ignore-output"]
quiet = {**os.environ, "OMP_NUM_THREADS": "1", "USE_LIBUV": "0"}
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
script = ["particles.py", "."]
if os.name == "nt":
    # torch for Windows lacks what torchrun wants: tell each rank by hand what it would
    told = {**quiet, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29519", "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen([sys.executable, *script], cwd=folder, env={**told, "RANK": str(rank)})
        for rank in range(2)
    ]
    codes, said = [rank.wait(180) for rank in ranks], ""
else:
    command = [*torchrun, *script]
    done = subprocess.run(command, cwd=folder, env=quiet, capture_output=True, timeout=180)
    codes, said = [done.returncode], done.stderr.decode(errors="replace")[-2000:]
if any(codes):
    raise RuntimeError(f"the ranks ended with {codes}. {said}")

halves = [torch.from_numpy(np.load(folder / f"final{rank}.npy")) for rank in range(2)]
one = kt.run_particles(
    kt.KSWGD(spectrum), start, n_steps=60, generator=torch.Generator().manual_seed(5), verbose=False
)
kc.show("particles of each rank", [len(x) for x in halves], 3)
kc.show(
    "share on the right: rank 0, rank 1, one process",
    [(x > 0).double().mean() for x in (*halves, one.final)],
    1,
)

# %% tags=["collapsed"]
# two ranks end where one process does
assert (torch.cat(halves) - one.final).abs().max() < 1e-6

# %% [markdown]
# The same particles, to rounding. The noise, too: each rank draws all rows and keeps its own, so that the result does not depend on how many ranks there were. For a million particles draw by rank instead, from different seeds.
#
# Training a network on many machines needs nothing of ours: wrap it, `kt.FlowMatching(d, net=DistributedDataParallel(net))`, and start the script by torchrun.

# %% [markdown]
# ## When do you need it?
#
# One fit is timed here, on your machine, and the time scaled by what equation (1) costs: $n\,m^2$ for kernels, at any number of columns.

# %% tags=["nbval-ignore-output"]
import time

plane = torch.randn(5000, 2, dtype=torch.float64, generator=profile.generator(6))
many = kt.GaussianRBF.from_data(plane, 300, profile.generator(7))
kt.GeneratorEDMD(many).fit(plane[:1000])
began = time.perf_counter()
kt.GeneratorEDMD(many).fit(plane)
PER_ROW = (time.perf_counter() - began) / (5000 * many.n_features**2)


def seconds(n, m, cores=1):
    """Of a fit, on so many cores like this one."""
    return PER_ROW * n * m**2 / cores


print("one core here, rows: " + "".join(f"{rows:>12}" for rows in ("1e5", "1e6", "1e7", "1e8")))
for m in (100, 300, 1000):
    cells = (f"{f'{seconds(10.0**p, m) / 60:.2g} min':>12}" for p in (5, 6, 7, 8))
    print(f"m = {m:<5} features   {''.join(cells)}")

# %% tags=["collapsed", "widget", "nbval-ignore-output"]
assert 1e-12 < PER_ROW < 1e-5  # seconds, on any machine
WAITS = {"a coffee": 300, "a night": 8 * 3600, "a week": 7 * 86_400}


def wait(features, cores):
    fig, (ax,) = plotting.new_figure(1, height=3.0)
    n = torch.logspace(4, 9, 50).tolist()
    alone, shared = ([seconds(k, features, c) for k in n] for c in (1, cores))
    ways = {"one core": (alone, "rival", "--", "right", "bottom")}
    ways[f"{cores} cores, if all goes well"] = (shared, "model", "-", "left", "top")
    for name, (values, color, dash, ha, va) in ways.items():
        look = {"color": plotting.COLORS[color]}
        ax.loglog(n, values, linestyle=dash, **look)
        ax.text(n[22], values[22], f" {name} ", ha=ha, va=va, fontsize=8, **look)
    for name, value in WAITS.items():
        ax.axhline(value, color=plotting.COLORS["floor"], linestyle=":")
        ax.text(1.2e4, 1.3 * value, name, fontsize=8, color="#555555")
    ax.set(xlabel="rows", ylabel="seconds of a fit", ylim=(1e-2, 1e7))
    plotting.finish(
        fig,
        "Seconds of a fit against rows, on one core and on many; lines: a coffee, a night, a week.",
    )


plotting.explore(
    wait,
    features=plotting.choices([100, 300, 1000, 3000], 300),
    cores=plotting.choices([2, 8, 64, 512], 8),
)

# %% [markdown]
# | your problem | what to do |
# |---|---|
# | fits in memory, a fit takes minutes | nothing of this lesson |
# | many more rows than the accuracy asks for, equation (3) | take a random part of them |
# | rows on disk, more than memory | a memory-mapped file, or `partial_fit` file by file |
# | a fit takes hours on one core, one computer | joblib, `sum(parts)` |
# | the files lie on a cluster | Dask, the same `fit` |
# | a million particles and the damped metric | torchrun, `ranks=kt.Ranks()` |
# | a large network | torchrun and DistributedDataParallel |
#
# Most people never leave the first two rows. What was never run by us: NCCL, that is several GPUs, and a real cluster.
#
# ## What goes wrong
#
# Each machine chooses its own dictionary. The sums have the same shape and mean other functions; `a + b` compares the dictionaries at the first points of both, and refuses.

# %%
own = [
    kt.GeneratorEDMD(kt.GaussianRBF.from_data(x, 20, profile.generator(8))).fit(x)
    for x in (left, right)
]
try:
    own[0] + own[1]
    refused = ""
except ValueError as error:
    refused = str(error)
print(refused)

# %% tags=["collapsed"]
# it says what is wrong
assert "dictionary" in refused

# %% [markdown]
# The other classics: eight processes with one seed draw eight times the same noise and look eight times as sure as they are; files in the order of time are no random parts, so that a pilot sample of the first file is none either;
# two processes with eight threads each on eight cores are slower than one; and a file with a NaN fails a fit after hours, unless somebody says which file it was.
#
# ## Side road: how many data are enough?
#
# The first picture again, for samples as well: four dictionaries on the quadruple well, from 300 to 300,000 data (`python -m experiments sample-size`).

# %% tags=["collapsed"]
alt = """Three panels against the number of data. Left, the error of the slow rates falls with the
root for the large dictionary and levels off for others. Middle, the law of 800 samples comes to the
grey band of exact ones at about 3,000 data. Right, 800 particles are as far off as all data are."""
plotting.page_picture("sample-size", alt=alt)

# %% [markdown]
# 3,000 data are enough for a law that 800 samples can show. Rates go on improving as one over the root, if the dictionary is large enough: a small one is at its own limit from a thousand data on.
#
# And how many columns? Five modes in 2 to 50 of them (`python -m experiments dimension`):

# %% tags=["collapsed"]
alt = """Four panels against the number of columns, 2 to 50. Distance to the law and AUC: the
sampler stays with the exact samples, as does a mixture of the true family. Variance within a mode:
right for the sampler, too wide with one spectrum. CPU seconds grow steeply with the columns for
the sampler."""
plotting.page_picture("dimension", alt=alt)

# %% [markdown]
# One spectrum brings particles to the right modes and leaves them too wide, from some five columns on. `KoopmanSampler.transport` says so in its report and adds a second spectrum within each cluster.
#
# ## Exercises
#
# | exercise | what you do | minutes |
# |---|---|---|
# | [L15-E1](../exercises/15_scaling_out.ipynb#L15-E1-Statistics-that-add) | join means and covariances of several machines | 10 |
# | [L15-E2](../exercises/15_scaling_out.ipynb#L15-E2-One-step,-two-machines) | the weights of one step of KSWGD, from shards | 12 |
# | [L15-E3](../exercises/15_scaling_out.ipynb#L15-E3-Who-answered,-and-who-did-not) | collect answers that come twice, torn or never | 8 |
# | [L15-E4](../exercises/15_scaling_out.ipynb#L15-E4-Will-it-fit,-and-will-it-warn) | features and memory against columns, and the report's warning | 10 |
#
# ## Key points
#
# - Subsample first: the error falls as $n^{-1/2}$, and not below the dictionary's bias.
# - Machines exchange sums. Never data, never means, never eigenvalues: solve once, last.
# - Everybody has the same dictionary, chosen once from a sample of everything.
# - Adding must change nothing, so that a part can be done again.
# - Engines exist: joblib on a laptop, Dask on a cluster, torchrun for particles and networks.
#
# ## References
#
# - Chan, Golub, LeVeque (1983): *Algorithms for computing the sample variance: analysis and recommendations*, Amer. Statist. 37, 242. Exercise 1.
# - Rocklin (2015): *Dask: parallel computation with blocked algorithms and task scheduling*, Proc. SciPy.
# - Li et al. (2020): *PyTorch Distributed: experiences on accelerating data parallel training*, VLDB, arXiv 2006.15704.
