# %% [markdown]
# # Start here
#
# **40 minutes · level: warm-up · device: CPU · prerequisites: linear algebra, probability, some Python (tested below)**
#
# Welcome. This course asks one question: *why is it slow to draw samples from a distribution, and what can Koopman
# operators do about it?* This page shows you where the course goes, how to work with it, and whether you are ready.
#
# You go through a notebook from top to bottom and run each grey cell with **Shift-Enter**. Try it on the next one. It
# sets up the lesson and says in a line where it runs.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("00")

# %% [markdown]
# ## The course in one picture
#
# Sampling is slow for three reasons, and for each there is a cure.
#
# | | what is slow | what helps | where |
# |---|---|---|---|
# | **1** | Particles are **metastable** (stuck) in a mode: between modes gradients vanish. | **Precondition spectrally**: push along the slow functions of the dynamics as hard as along the fast ones. The method is KSWGD. | lessons 02 to 07 |
# | **2** | A flow's paths are **curved**, so it needs many steps of a solver. | **Straighten** them: learn curved interpolants whose flow is straight. | lessons 08, 09 |
# | **3** | A flow is **nonlinear**, so it needs a solver at all. | **Lift** it to where it is linear, and take one matrix exponential. The method is Koopman-CFM. | lesson 10 |
#
# The next cell computes a small example of each and draws it: troubles above, cures below.

# %%
from koopcourse import plotting

plotting.story()

# %% [markdown]
# All six panels are computed (by `koopcourse/plotting/story.py`, which reads easily after lesson 05), and two remarks keep
# them honest. In the first column Langevin dynamics was given the density and KSWGD 5,000 samples of it; what a method
# is given, and what that costs, is counted wherever we compare. The other two columns are the smallest examples that
# show the effect. There the straight paths were simply drawn between the ends of the curved ones, and three coordinates,
# $(x,\,y,\,x^2)$, made the lift of $\dot x=-\frac12x,\ \dot y=-4\,(y-x^2)$ exact. To learn either from data is what the
# papers are about, and what works less well than promised you will see measured.

# %% [markdown]
# ## How to work
#
# - **Run, then change.** Shift-Enter runs a cell. Alter a number and run it again; nothing can break. *Kernel, Restart
#   Kernel and Run All Cells* brings a notebook back to order.
# - **Predict before you run.** Where a lesson says so, write your guess down. Answers are folded, like this one:
#   <details><summary>Answer</summary>Only a guess that you made can surprise you.</details>
# - **Lessons and exercises come in pairs.** After this page open
#   [its exercises](../exercises/00_start_here.ipynb): they are short, and they show the machinery.
# - **What you write is yours.** You work on copies in the folder `work`. No update ever writes over them.
# - **A new version of the course** comes with `git pull` in the course's folder. At the next start a lesson that has changed
#   appears beside your copy, as *05_kswgd (version 2)* for instance.
# - **Your progress stays on your computer.** `kc.progress()` in any cell shows which exercises you have solved.
#
# Two commands for a terminal, in the course's folder (on Windows write `.venv\Scripts\python`):
#
# ```sh
# .venv/bin/python -m koopcourse progress   # what you have solved
# .venv/bin/python -m koopcourse doctor     # what is installed, what is missing, how to mend it
# ```

# %% [markdown]
# ## How a check answers
#
# Each exercise ends in a line such as `relative_error = check("L00-E1", relative_error)`. The check tries your function
# on examples, on facts that every right answer obeys, and on fresh random inputs. If something is wrong it compares
# your answer with mistakes that others made before you, and **calls yours by its name** if it is one of them.
#
# Here is such a mistake, made on purpose. Asked for the relative error $|a-b|/|b|$ of an estimate $a$ of a vector $b$,
# somebody forgot to divide. (`preview` only prints what `check` would say; it keeps no record.)

# %%
from koopcourse.checks import preview


def relative_error(estimate, exact):
    return (estimate - exact).norm()


preview("L00-E1", relative_error)

# %% [markdown]
# The first line is the verdict, the second what was seen, the third the mistake by name, the last what to do next. Now a
# right answer. It need not look like ours: whatever does the right thing passes.


# %%
def relative_error(estimate, exact):
    return ((estimate - exact).square().sum() / exact.square().sum()).sqrt()


preview("L00-E1", relative_error)

# %% [markdown]
# Until an answer passes, the notebook goes on with the course's own, and figures drawn with it say so. So you are never
# blocked: skip an exercise, come back later. Below each there are three folded hints, the idea, the formula and a skeleton
# with gaps. Take one at a time.
#
# What every check expects, unless its statement says otherwise: a result is a tensor that follows the dtype of the inputs,
# and float32 is tried, too; the inputs stay as they were; numbers may come as `float` or as a tensor without axes, two or
# three results as a tuple, a list or stacked. An answer should hold in any units, for one row or many, for ties and zeros.
#
# **Try it.** Make another mistake in the cell above: divide by the estimate, or let it return `estimate` itself.

# %% [markdown]
# ## The lessons
#
# | lesson | its question | exercises |
# |---|---|---|
# | 00 Start here | How does the course work, and am I ready? | [L00](../exercises/00_start_here.ipynb) |
# | [01 Langevin dynamics](01_langevin.ipynb) | Why is sampling slow, and how do I judge a sample? | [L01](../exercises/01_langevin.ipynb) |
# | [02 EDMD](02_edmd.ipynb) | What are the slow modes of a process, and how do pairs of snapshots show them? | [L02](../exercises/02_edmd.ipynb) |
# | [03 Generator spectra](03_generator_spectra.ipynb) | Does a single photograph show the slow modes, too? | [L03](../exercises/03_generator_spectra.ipynb) |
# | [04 Gradient flows](04_gradient_flows.ipynb) | Which way should a cloud move, and why does it sometimes not move at all? | [L04](../exercises/04_gradient_flows.ipynb) |
# | [05 KSWGD](05_kswgd.ipynb) | If data show us the slow modes, can we divide the slowness out? | [L05](../exercises/05_kswgd.ipynb) |
# | [06 The quadruple well](06_quadruple_well.ipynb) | Cold, stiff, filmed, truncated: which promises are kept? | [L06](../exercises/06_quadruple_well.ipynb) |
# | [07 Manifolds](07_manifolds.ipynb) | Data live on a surface: what changes? | [L07](../exercises/07_manifolds.ipynb) |
# | [08 Flow matching](08_flow_matching.ipynb) | How is a velocity that carries noise to data learned, and why does it take many steps? | [L08](../exercises/08_flow_matching.ipynb) |
# | [09 Curved interpolants](09_curved_interpolants.ipynb) | Can one bend the paths so that the flow runs straight? | [L09](../exercises/09_curved_interpolants.ipynb) |
# | [10 Koopman-CFM](10_koopman_cfm.ipynb) | Can a flow be lifted to where one matrix moves it? | [L10](../exercises/10_koopman_cfm.ipynb) |
# | [11 Pictures by KSWGD](11_images_kswgd.ipynb) | Can particles that follow a spectrum become pictures, and what closes the gap to other samplers? | [L11](../exercises/11_images_kswgd.ipynb) |
# | [12 Pictures by Koopman-CFM](12_images_koopman_cfm.ipynb) | What is left of the lift for pictures, and can one believe its modes? | [L12](../exercises/12_images_koopman_cfm.ipynb) |
# | [13 Allen-Cahn](13_allen_cahn.ipynb) | Can a whole field be moved to equilibrium, and does it pay? | [L13](../exercises/13_allen_cahn.ipynb) |
# | [14 Conditional sampling](14_conditional.ipynb) | Something was observed: can old samples be moved to what is left? | [L14](../exercises/14_conditional.ipynb) |
# | [15 Scaling out](15_scaling_out.ipynb) | What must two machines tell each other, and when does one need two? | [L15](../exercises/15_scaling_out.ipynb) |
# | [16 Your own data](16_your_own_data.ipynb) | From somebody's file to a result that one may believe: how? | [L16](../exercises/16_your_own_data.ipynb) |
#
# The first lines of a lesson say about how many minutes its main road takes (an estimate) and what it needs. *Side roads* at a lesson's
# end may be left out; nothing rests on them. Three ways through:
#
# - **An evening**: [one notebook](../exercises/17_an_evening.ipynb) with four exercises, and nothing before it.
# - **A weekend**: 00, 01, 03, 04, 05, 08, 10.
# - **All**, in this order. Lesson 16 can be read after 05, by whoever has data waiting.

# %% [markdown]
# ## Where it runs
#
# `kc.setup("00")` has fixed the random seed and printed where the lesson runs. What it returns, the **profile**, is
# handed to what follows.
#
# - Each lesson is made to compute for no more than about a minute, on a laptop's processor.
# - The device is CUDA where there is one, else the CPU. Set `KOOPTEACH_DEVICE=cpu` to stay on the CPU.
# - `profile.generator(7)` is a fresh stream of random numbers. The same number gives the same stream, so that your
#   figures look like ours.
# - `kc.show` prints a number, a list or a tensor to a few digits.

# %%
import torch

one, again, other = (torch.randn(3, generator=profile.generator(k)) for k in (7, 7, 8))

kc.show("device", profile.device.type)
kc.show("three random numbers", one, digits=2)
kc.show("the same again", again, digits=2)
kc.show("another stream", other, digits=2)

# %% tags=["collapsed"]
# the same number gives the same stream, another number another one
assert torch.equal(one, again) and not torch.equal(one, other)

# %% [markdown]
# ## Something to move
#
# Each lesson has a figure with sliders. In this one particles follow the simplest dynamics of all, the
# Ornstein-Uhlenbeck process, pulled to the origin by a spring of strength $\theta$ and shaken all the time:
#
# $$dX = -\theta X\,dt + \sqrt2\,dW,\qquad
# X_t = e^{-\theta t}X_0 + \sqrt{\tfrac{1-e^{-2\theta t}}{\theta}}\;\xi,\quad \xi\sim N(0,1).$$
#
# They start in two heaps. **Predict, then move the time**: which is forgotten first, that there were two heaps, or that
# the heaps did not balance?
#
# <details><summary>that the heaps did not balance: it is the smaller fault</summary>
#
# At the start it is. But what counts is how fast a fault fades, not how large it begins, and this one shows in the mean, which
# fades most slowly of all.
#
# </details>
# <details><summary>that there were two heaps</summary>
#
# Right. The mean, which tells that they do not balance, decays as $e^{-\theta t}$; what is left of the
# mean square decays as $e^{-2\theta t}$; finer detail, faster still. On the logarithmic axis on the right each is a
# straight line. A function whose average decays along one such line is an **eigenfunction** of the dynamics, and the
# slope is its **rate**. Nearly all of this course is made of these two words.
#
# </details>
# <details><summary>both together: one spring pulls at all particles alike</summary>
#
# It pulls at each particle with the one rate $\theta$, and so the mean fades by $e^{-\theta t}$. A square fades by the square of that.
#
# </details>

# %%
import math

heaps = kt.GaussianMixture([[-2.0], [1.5]], [0.3, 0.2], weights=[0.65, 0.35])
x0 = heaps.sample(4000, profile.generator(9))
xi = torch.randn(4000, 1, generator=profile.generator(10), dtype=profile.dtype)


def particles(time, spring):
    return (
        math.exp(-spring * time) * x0 + math.sqrt((1 - math.exp(-2 * spring * time)) / spring) * xi
    )


def law(time, spring):
    """Each heap stays Gaussian: its centre fades, its variance goes to 1 / spring."""
    fade = math.exp(-spring * time)
    variance = fade**2 * heaps.stds**2 + (1 - fade**2) / spring
    return kt.GaussianMixture(fade * heaps.modes, variance.sqrt(), heaps.mode_weights)


def to_go(now, spring):
    """How far the mean and the mean square of a law are from their ends, 0 and 1 / spring."""
    mean = now.mode_weights @ now.modes
    mean_square = now.mode_weights @ (now.modes**2 + now.stds**2)
    return abs(mean.item()), abs(mean_square.item() - 1 / spring)


# %%
grid, times = (
    torch.linspace(-3.6, 3.6, 300, dtype=profile.dtype)[:, None],
    torch.linspace(0, 2, 21).tolist(),
)

# %% tags=["collapsed"]
alt = """Left: a histogram of particles under way from two heaps to one bell, with the exact law.
Right: on a logarithmic axis the mean and the mean square go to their ends along straight lines,
the second twice as steep."""

colors, edges = plotting.COLORS, torch.linspace(-3.6, 3.6, 61)


# %% tags=["collapsed", "widget", "nbval-ignore-output"]
def relax(time, spring):
    now, end = law(time, spring), kt.OrnsteinUhlenbeck(1, spring)
    fig, (left, right) = plotting.new_figure(2, height=3.2)
    left.hist(
        particles(time, spring)[:, 0],
        edges,
        density=True,
        color=colors["model"],
        alpha=0.35,
        label="4,000 particles",
    )
    left.plot(grid, now.log_prob(grid).exp(), color=colors["reference"], label="exact law")
    left.plot(grid, end.log_prob(grid).exp(), ":", color=colors["error"], label="where it ends")
    left.set(
        xlabel="position",
        ylabel="density",
        ylim=(0, 1.1),
        title=f"time {time:g}, spring {spring:g}",
    )
    left.legend(loc="upper right")
    lines = zip(*(to_go(law(t, spring), spring) for t in times))
    for line, here, style, name in zip(
        lines, to_go(now, spring), ("-", "--"), ("mean", "mean square")
    ):
        right.semilogy(times, line, style, label=name)
        right.plot(time, here, "o", color=colors["reference"])
    right.set(
        xlabel="time",
        ylabel="distance to go",
        ylim=(6e-4, 6),
        title=f"rates {spring:g} and {2 * spring:g}",
    )
    right.legend(loc="lower left")
    plotting.finish(fig, alt)


clock = plotting.choices([0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0], 0.2)
plotting.explore(relax, time=clock, spring=plotting.choices([0.5, 1.0, 2.0], 1.0))

# %% [markdown]
# ## Notation, for the whole course
#
# There is **one clock**: the dynamics is always $dX=\nabla\log\pi(X)\,dt+\sqrt2\,dW$. Temperature enters only through
# $\pi$. Points are rows. Above, $\pi=N(0,1/\theta)$, so $\nabla\log\pi=-\theta x$.
#
# | symbol | in code | shape | meaning |
# |---|---|---|---|
# | $\pi,\ \nabla\log\pi$ | `log_prob(x)`, `score(x)` | `(n,)`, `(n, d)` | a density by its logarithm; its score |
# | $x$ | `x` | `(n, d)` | $n$ states, data or particles in dimension $d$ |
# | $L$ | | | generator, $Lf=\nabla\log\pi\cdot\nabla f+\Delta f$: how averages of $f$ change |
# | $\psi$ | `psi(x)` | `(n, m)` | features, from a dictionary of $m$ functions |
# | $\nabla\psi$ | `psi.grad(x)` | `(n, m, d)` | their gradients |
# | $\phi$ | `phi` | `(n, r)` | eigenfunctions, $-L\phi_k=\lambda_k\phi_k$, without the constant one |
# | $\lambda$ | `rates` | `(r,)` | rates, 1/time, ascending |
# | $e$ | `energies` | `(r,)` | Dirichlet energies $\mathbb E_\pi\lVert\nabla\phi_k\rVert^2$, equal to the rates in our clock |
# | $\tau$ | `lag` | number | time between the two snapshots of a pair |
# | $h$ | `step_size`; `dt` | number | step of a sampler, without unit; step in time of a simulation |
# | $t$ | `t` | number | time of a flow, from noise $x_0$ at 0 to data $x_1$ at 1 |
# | $v$ | `velocity(x)` | `(n, d)` | velocity of each particle |
# | | `generator=` | | a `torch.Generator`: where random numbers come from |
#
# A dozen words are the course's own, because they are said so often. Each is explained where it is first needed.
#
# | we say | the field says | lesson | meaning |
# |---|---|---|---|
# | floor | noise floor | 01 | what a distance says of exact samples, which it does not call zero |
# | law | distributional accuracy | 01 | how near the distribution is that particles are drawn from |
# | evenness | quadrature quality | 01 | how well averages over these very particles are right |
# | even floor | floor of herded samples | 01 | what a distance says of exact samples picked to lie evenly |
# | herded | thinned by kernel herding | 01 | few points picked from many so that they lie evenly |
# | pairs | snapshot pairs | 02 | a state and the state a lag later |
# | stuck | metastable | 01 | in one mode for exponentially long |
# | damping | regularised metric | 04 | what keeps KSWGD's linear system well-posed far from the target |
# | limiter | step-size clipping | 05 | the longest move of a particle in one step |
# | teacher, student | distillation | 10 | a slow model, and a fast one that was trained to do the same |
# | lift | Koopman embedding | 10 | coordinates in which a flow is linear |
# | halves | memorisation test | 11 | are samples nearer to training data than to unseen data? |

# %% [markdown]
# ## Are you ready? A self-test
#
# Three questions, with paper and pencil. Write each answer down before you unfold ours. Two parts of three right: go on. If
# a question feels foreign, spend an evening with the links below it first; most lead to something free. Nobody else sees the
# result.
#
# ### Question 1: a stochastic differential equation
#
# A particle starts at 3 and follows $dX=-2X\,dt+\sqrt2\,dW$.
#
# 1. What is the mean of $X_t$?
# 2. Which distribution does $X_t$ approach?
# 3. A program makes steps of length $\Delta t$. By which factor does it shrink the noise in a step if $\Delta t$ is halved?
#
# <details><summary>Answer</summary>
#
# 1. $3\,e^{-2t}$: the noise has mean zero, and what is left is $\dot m=-2m$.
# 2. $N(0,\tfrac12)$. Here $\nabla\log\pi=-2x$, so $\log\pi=-x^2+\text{const}$.
# 3. By $\sqrt2$ only. The noise in a step is $\sqrt{2\,\Delta t}\;\xi$ with $\xi\sim N(0,1)$, because variances add up over
#    time.
#
# </details>
#
# *To repair:* D. Higham, [An algorithmic introduction to numerical simulation of stochastic differential
# equations](https://doi.org/10.1137/S0036144500378302), 22 pages with programs. S. Särkkä and A. Solin, *Applied Stochastic
# Differential Equations*, chapters 2 to 4 ([free copy and programs](https://github.com/AaltoML/SDE)). For depth:
# G. Pavliotis, [Stochastic Processes and Applications](https://doi.org/10.1007/978-1-4939-1323-7), chapters 3 and 4.
# Then exercise **L00-E2**.

# %% [markdown]
# ### Question 2: an eigenproblem with two matrices
#
# $$S a=\lambda\,G a,\qquad S=\begin{pmatrix}3&2\\2&4\end{pmatrix},\quad G=\begin{pmatrix}1&0\\0&2\end{pmatrix}.$$
#
# 1. Which numbers $\lambda$ are possible?
# 2. In which sense are two eigenvectors with different $\lambda$ orthogonal?
# 3. With the Cholesky factor $G=CC^{\mathsf T}$, which *ordinary* symmetric matrix has the same eigenvalues?
#
# <details><summary>Answer</summary>
#
# 1. $\det(S-\lambda G)=(3-\lambda)(4-2\lambda)-4=2(\lambda-1)(\lambda-4)$, so 1 and 4.
# 2. $a^{\mathsf T}G\,b=0$. For $a=(1,-1)$ and $b=(2,1)$: $1\cdot2-2\cdot1=0$, while $a^{\mathsf T}b=1$.
# 3. $C^{-1}S\,C^{-\mathsf T}$, with eigenvectors $C^{\mathsf T}a$. This is called whitening; lesson 05 does it with features.
#
# </details>
#
# *To repair:* G. Strang, [18.06 Linear Algebra](https://ocw.mit.edu/courses/18-06-linear-algebra-spring-2010/), the
# lectures on eigenvalues, symmetric and positive definite matrices. L. N. Trefethen and D. Bau, *Numerical Linear
# Algebra*, lectures 23 to 25, for the practice. The two-matrix problem in code:
# [scipy.linalg.eigh](https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.eigh.html). Then exercise **L00-E3**.

# %% [markdown]
# ### Question 3: shapes and gradients in torch
#
# ```python
# x = torch.ones(5, 2, requires_grad=True)          # 5 points in the plane
# y = (x**2).sum(dim=1)                             # a number for each point
# g = torch.autograd.grad(y.sum(), x)[0]
# differences = x[:, None] - x[None]
# ```
#
# 1. What is `g`, and what is its shape?
# 2. Why the sum before the gradient, and what would `y.mean()` change?
# 3. What is the shape of `differences`, and of `x / x.norm(dim=1)`?
#
# <details><summary>Answer</summary>
#
# 1. `(5, 2)`, all entries 2: in row $i$ stands the gradient of $y_i$ at point $i$.
# 2. `grad` differentiates one number. A point enters only its own $y_i$, so that the sum keeps the rows apart. The
#    mean would divide each row by 5.
# 3. `(5, 5, 2)`, all pairs. The quotient raises an error: `(5, 2)` against `(5,)` matches the *last* axes, 2 and 5.
#    `x.norm(dim=1, keepdim=True)` has the shape `(5, 1)` and works.
#
# </details>
#
# *To repair:* PyTorch's [Learn the basics](https://docs.pytorch.org/tutorials/beginner/basics/intro.html), above all
# [Tensors](https://docs.pytorch.org/tutorials/beginner/basics/tensorqs_tutorial.html) and
# [Automatic differentiation](https://docs.pytorch.org/tutorials/beginner/basics/autogradqs_tutorial.html), and the rules of
# [broadcasting](https://docs.pytorch.org/docs/stable/notes/broadcasting.html). Then exercise **L00-E4**.

# %% [markdown]
# ## Exercises
#
# Knowing is one thing, doing another: [the exercises of this lesson](../exercises/00_start_here.ipynb) ask the same again, in
# code, with checks.
#
# | id | you write | minutes |
# |---|---|---|
# | [L00-E1](../exercises/00_start_here.ipynb#L00-E1-The-relative-error-of-an-estimate) | a relative error, wrong on purpose first | 3 |
# | [L00-E2](../exercises/00_start_here.ipynb#L00-E2-One-Euler-Maruyama-step) | one step of a stochastic differential equation | 5 |
# | [L00-E3](../exercises/00_start_here.ipynb#L00-E3-A-generalised-eigenproblem) | a generalised eigenproblem | 8 |
# | [L00-E4](../exercises/00_start_here.ipynb#L00-E4-Gradients-by-autograd) | gradients for a batch of points | 6 |

# %% [markdown]
# ## Key points
#
# - Sampling is slow because particles get stuck, because flows are curved, and because flows are nonlinear. The cures:
#   precondition spectrally, straighten, lift.
# - Run, predict, change. Your copies live in `work/`, and no update writes over them.
# - A check names your mistake and never blocks you.
# - A function whose average decays along one exponential is an eigenfunction; how fast it decays is its rate.
# - One clock: $dX=\nabla\log\pi\,dt+\sqrt2\,dW$. Points are rows, `(n, d)`.
#
# Next: [the exercises](../exercises/00_start_here.ipynb), then [lesson 01](01_langevin.ipynb).

# %% [markdown]
# ## References
#
# The three papers that this course teaches:
#
# - Xu, Li, Fujisawa, Marzouk, Ishikawa: *Generative Modeling through Spectral Analysis of Koopman Operator*,
#   [arXiv 2512.18837](https://arxiv.org/abs/2512.18837), version 1. KSWGD. (Version 3 is called *Generative Modeling through Koopman Spectral
#   Analysis: An Operator-Theoretic Perspective*.)
# - Turan, Siozopoulos, Martinez, Gaubil, Pierson, Ovsjanikov: *Unfolding Generative Flows with Koopman Operators: Fast and
#   Interpretable Sampling*, [arXiv 2506.22304](https://arxiv.org/abs/2506.22304), versions 1 and 2. Koopman-CFM. (Version 3
#   has the subtitle *Trajectory-Preserving Linearization*.)
# - Shankar, Geffner: *Learning Straight Flows by Learning Curved Interpolants*,
#   [arXiv 2503.20719](https://arxiv.org/abs/2503.20719). Curved interpolants.
