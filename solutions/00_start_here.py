# %% [markdown]
# # Exercises 00: Start here
#
# **22 minutes · level: warm-up · device: CPU · prerequisites: [lesson 00](../notebooks/00_start_here.ipynb)**
#
# Write your answers where it says `YOUR CODE HERE`, then run the cell and the check below it. A check says what is
# wrong, as often as you like. Until it passes, the notebook goes on with the course's answer, so nothing ever blocks
# you. Each exercise has three hints; open them one at a time.
#
# The first exercise shows the machinery. The other three are the self-test of the lesson once more, by doing. If one of
# them resists, its first hint says where to read.

# %%
import koopteach as kt
import koopcourse as kc

profile = kc.setup("00")

# %%
import math

import torch

from koopcourse import check, plotting

# %% [markdown]
# ## L00-E1 The relative error of an estimate
#
# *warm-up, 3 minutes, importance 3 of 3.* Return $\lvert a-b\rvert\,/\,\lvert b\rvert$ for an `estimate` $a$ `(n,)` of the vector `exact` $b$
# `(n,)`, which is not zero, with Euclidean norms. One number.
#
# *Example.* `estimate = [3, 5]`, `exact = [3, 4]`: the difference has length 1, the exact vector length 5, so 0.2.
#
# *It must hold that* twice the exact vector is wrong by one whole, and that other units change nothing.
#
# **Do it in three rounds**, to see all that a check can say:
#
# 1. Change nothing. Run the cell below and the check after it: *not started*.
# 2. Replace the two lines by a wrong answer, on purpose: return the length of the difference alone. Run both cells
#    again, and read what the check makes of it.
# 3. Now the right answer.

# %%


def relative_error(estimate, exact):
    """Length of the difference over length of exact, a number."""
    ### BEGIN SOLUTION
    return (estimate - exact).norm() / exact.norm()
    ### END SOLUTION


# %% tags=["check"]
relative_error = check("L00-E1", relative_error)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# How far off, measured in lengths of the truth? Two norms, one division. If tensors are new to you, read
# [Tensors](https://docs.pytorch.org/tutorials/beginner/basics/tensorqs_tutorial.html) first.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\lvert a-b\rvert=\sqrt{\sum_i(a_i-b_i)^2}$, which a tensor computes by `.norm()`.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# return (___).norm() / ___.norm()
# ```
#
# </details>

# %%
exact = torch.tensor([math.pi, math.e, math.sqrt(2)], dtype=profile.dtype)
for digits in (0, 1, 2, 3):
    error = relative_error(exact.round(decimals=digits), exact)
    kc.show(f"pi, e and sqrt(2) to {digits} decimals", float(error), digits=1)

# %% [markdown]
# *Go further.* Let your function return a list, print something, or return `estimate` itself. What does the check say? In
# a new cell, `kc.progress()` shows what you have solved.

# %% [markdown]
# ## L00-E2 One Euler-Maruyama step
#
# *warm-up, 5 minutes, importance 3 of 3.* For $dX=b(X)\,dt+\sqrt2\,dW$, move the particles `x` `(n, d)` by one step of
# length `dt` $\ge0$, a number. The function `drift` maps `(n, d)` to `(n, d)`, row by row; `noise` `(n, d)` holds standard normal numbers. Return the new
# positions `(n, d)` and leave `x` as it is.
#
# *Example.* Drift $b(x)=x-x^3$, two particles on the line at `[[2], [0]]`, `dt = 0.125`, `noise = [[1], [-1]]`. The drifts
# are $-6$ and 0, the noise is halved, so the particles arrive at `[[1.75], [-0.5]]`.
#
# *It must hold that* without drift and noise nothing moves, and that without drift the mean square displacement in each
# direction is $2\,\Delta t$.


# %%
def euler_maruyama(drift, x, dt, noise):
    """The positions after one step, (n, d)."""
    ### BEGIN SOLUTION
    return x + drift(x) * dt + math.sqrt(2 * dt) * noise
    ### END SOLUTION


# %% tags=["check"]
euler_maruyama = check("L00-E2", euler_maruyama)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Drift moves a particle in proportion to the time; noise spreads it in proportion to the square root of the time. New
# to you? D. Higham's [introduction](https://doi.org/10.1137/S0036144500378302) explains it in sections 2 to 4, with
# programs; so do chapters 2 to 4 of the [book by Särkkä and Solin](https://github.com/AaltoML/SDE).
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $x\leftarrow x+b(x)\,\Delta t+\sqrt{2\,\Delta t}\;\xi$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# return x + drift(x) * ___ + math.sqrt(___) * noise
# ```
#
# </details>

# %% [markdown]
# See it work: 60 of your steps in a double well, with its score as the drift. Everybody starts on top of the barrier.

# %%
well = kt.DoubleWell(beta=4.0)
x, random, dt = torch.zeros(2000, 1, dtype=profile.dtype), profile.generator(1), 0.01
for _ in range(60):
    x = euler_maruyama(
        well.score, x, dt, torch.randn(2000, 1, generator=random, dtype=profile.dtype)
    )

# %% tags=["collapsed"]
fig, (ax,) = plotting.new_figure()
grid = torch.linspace(-1.8, 1.8, 200, dtype=profile.dtype)[:, None]
ax.hist(
    x[:, 0], 50, density=True, color=plotting.COLORS["model"], alpha=0.4, label="2,000 particles"
)
ax.plot(
    grid,
    well.log_prob(grid).exp(),
    color=plotting.COLORS["reference"],
    label="density of the double well",
)
ax.set(xlabel="position", ylabel="density", ylim=(0, 1.6))
ax.legend(loc="upper center")
alt = (
    "A histogram of particles after 60 steps follows the density of the double well, with peaks "
    "near -1 and 1."
)
plotting.finish(fig, alt)

# %% [markdown]
# *Go further.* Start everybody at $-1$ instead. How many steps do you need now? That is lesson 01.

# %% [markdown]
# ## L00-E3 A generalised eigenproblem
#
# *warm-up, 8 minutes, importance 3 of 3.* Return the numbers $\lambda$ for which $S a=\lambda\,G a$ has a solution $a\ne0$,
# ascending, shape `(m,)`. `stiffness` $S$ and `gram` $G$ are symmetric `(m, m)`, and $G$ is positive definite; $S$ need not be.
#
# *Example.* $S=\begin{pmatrix}1&1\\1&4\end{pmatrix}$ and $G=\begin{pmatrix}1&1\\1&2\end{pmatrix}$ have
# $\det(S-\lambda G)=(1-\lambda)(3-\lambda)$, so `[1, 3]`.
#
# *It must hold that* the eigenvalues add up to the trace of $G^{-1}S$, and that another basis, $TST^{\mathsf T}$ and
# $TGT^{\mathsf T}$, has the same eigenvalues.


# %%
def generalised_eigenvalues(stiffness, gram):
    """The eigenvalues of stiffness a = lambda gram a, ascending, (m,)."""
    ### BEGIN SOLUTION
    whitener = torch.linalg.inv(torch.linalg.cholesky(gram))
    return torch.linalg.eigvalsh(whitener @ stiffness @ whitener.T)
    ### END SOLUTION


# %% tags=["check"]
generalised_eigenvalues = check("L00-E3", generalised_eigenvalues)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Change coordinates so that $G$ becomes the identity; then it is the ordinary symmetric problem. If eigenvalues or the
# Cholesky factor are far away, see the lectures on eigenvalues and positive definite matrices in G. Strang's
# [18.06](https://ocw.mit.edu/courses/18-06-linear-algebra-spring-2010/). That
# [scipy.linalg.eigh](https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.eigh.html) can do it at once is no
# secret, and a fine way to pass.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# With $G=CC^{\mathsf T}$ and $a=C^{-\mathsf T}b$ the problem reads $C^{-1}S\,C^{-\mathsf T}\,b=\lambda b$.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# whitener = torch.linalg.inv(torch.linalg.cholesky(___))
# return torch.linalg.eigvalsh(whitener @ ___ @ ___)
# ```
#
# </details>

# %% [markdown]
# See it work: the dynamics $dX=-X\,dt+\sqrt2\,dW$ has the law $N(0,1)$. With the features $x,\ x^2,\ x^3$, the matrices
# $G_{ij}=\mathrm{Cov}(\psi_i,\psi_j)$ and $S_{ij}=\mathbb E[\psi_i'\,\psi_j']$ can be written down, and the eigenvalues are
# its **rates**: at which it forgets the mean, the spread, the skewness.

# %%
gram = torch.tensor([[1, 0, 3], [0, 2, 0], [3, 0, 15]], dtype=profile.dtype)
stiffness = torch.tensor([[1, 0, 3], [0, 4, 0], [3, 0, 27]], dtype=profile.dtype)
rates = torch.as_tensor(generalised_eigenvalues(stiffness, gram))
kc.show("rates", rates)

# %% tags=["collapsed"]
# the rates are those of the process
assert torch.allclose(rates, kt.OrnsteinUhlenbeck(1, 1.0).exact_rates(3))

# %% [markdown]
# *Go further.* Replace both expectations by means over 5,000 samples. That is lesson 05.

# %% [markdown]
# ## L00-E4 Gradients by autograd
#
# *warm-up, 6 minutes, importance 2 of 3.* The function `f` maps points `(n, d)` to numbers `(n,)`, row by row, and depends on
# them. Return its gradient at each row of `x`, shape `(n, d)`, exact to rounding in any units, and leave `x` as it is. Whether
# your result carries a graph is up to you.
#
# *Example.* For $f(x)=\sum_i x_i^2$ and `x = [[1, 2], [0, -3]]` the gradients are `[[2, 4], [0, -6]]`.
#
# *It must hold that* a linear function has its slope as gradient at every point, and that $f$ changes by gradient times
# step along a small step.


# %%
def gradient(f, x):
    """The gradient of f at each row of x, (n, d)."""
    ### BEGIN SOLUTION
    x = x.detach().requires_grad_(True)
    return torch.autograd.grad(f(x).sum(), x)[0]
    ### END SOLUTION


# %% tags=["check"]
gradient = check("L00-E4", gradient)

# %% [markdown] tags=["hint"]
# <details><summary>Hint 1: concept</summary>
#
# Torch differentiates one number. Which one number of `f(x)` has, row by row, the gradients that you want? New to you? Read
# [Automatic differentiation](https://docs.pytorch.org/tutorials/beginner/basics/autogradqs_tutorial.html), a quarter of an
# hour.
#
# </details>
# <details><summary>Hint 2: formula</summary>
#
# $\partial\big(\sum_j f(x_j)\big)/\partial x_i=\nabla f(x_i)$. Torch records only what follows `requires_grad_(True)`; ask that of
# `x.detach()`, the same numbers in a tensor of your own.
#
# </details>
# <details><summary>Hint 3: skeleton</summary>
#
# ```python
# x = x.detach().requires_grad_(True)
# return torch.autograd.grad(___, x)[0]
# ```
#
# </details>

# %% [markdown]
# See it work: the gradient of a log density is the **score**, the field of arrows that lesson 01 begins with.

# %%
three = kt.GaussianMixture([[-1.5, -1.0], [1.6, -0.6], [0.0, 1.6]], [0.7, 0.5, 0.6])

# %% tags=["collapsed"]
axis = torch.linspace(-3, 3, 17, dtype=profile.dtype)
grid = torch.cartesian_prod(axis, axis)
arrows = gradient(three.log_prob, grid).detach()
assert torch.allclose(arrows, three.score(grid))

fig, (ax,) = plotting.new_figure(height=4.2)
plotting.density(ax, three.log_prob, (-3.3, 3.3))
ax.quiver(*grid.T, *arrows.T, color=plotting.COLORS["model"], angles="xy", width=0.004)
ax.set_aspect("equal")
ax.axis("off")
alt = (
    "Arrows on a grid point uphill, to the nearest of three modes; they are long far away and "
    "short near each mode."
)
plotting.finish(fig, alt)

# %% [markdown]
# *Go further.* Where between the modes do the arrows turn from one to the other? What does a particle do there?
#
# All four passed? Then you are ready for lesson 01.
