"""What else one would use: a mixture, a kernel density, herded rows, a flow; plain, and in the house's coordinates."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

import koopteach as kt
from koopcourse.judges import Draw
from koopteach.tensors import seed_from

Method = Callable[[Tensor, torch.Generator], Draw]  # fitted to training rows, it draws

KINDS, MOST_COMPONENTS = ("full", "diag", "tied"), 8
FLOW_STEPS = 3000


def mixture(x: Tensor, generator: torch.Generator) -> Draw:
    """Scikit-learn's mixture with the least BIC among full, diagonal and tied ones of one to eight components.

    Numbers of components that leave one fewer than two rows a column are not tried.
    """
    from sklearn.mixture import GaussianMixture

    tried = [k for k in range(1, MOST_COMPONENTS + 1) if k == 1 or k * x.shape[1] <= len(x) / 2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a number of components that does not converge
        found = [
            GaussianMixture(k, covariance_type=kind, random_state=seed_from(generator)).fit(x.numpy())
            for kind in KINDS
            for k in tried
        ]
        best = min(found, key=lambda one: one.bic(x.numpy()))

    def draw(n: int, generator: torch.Generator | None) -> Tensor:
        best.random_state = seed_from(generator)
        rows = torch.from_numpy(best.sample(n)[0])  # sorted by component
        return rows[torch.randperm(n, generator=generator)]

    return draw


def scott(x: Tensor, generator: torch.Generator) -> Draw:
    """Rows and Gaussian noise of their own covariance, times Scott's width."""
    n, d = x.shape
    return _kernel_density(x, n ** (-1 / (d + 4)))


def half_silverman(x: Tensor, generator: torch.Generator) -> Draw:
    """The same with half of Silverman's width."""
    n, d = x.shape
    return _kernel_density(x, 0.5 * (n * (d + 2) / 4) ** (-1 / (d + 4)))


def _kernel_density(x: Tensor, width: float) -> Draw:
    n, d = x.shape
    shape = width * torch.linalg.cholesky(torch.cov(x.T) + 1e-9 * torch.eye(d, dtype=x.dtype))

    def draw(m: int, generator: torch.Generator | None) -> Tensor:
        rows = torch.randint(n, (m,), generator=generator)
        return x[rows] + torch.randn(m, d, dtype=x.dtype, generator=generator) @ shape.T

    return draw


def herded(x: Tensor, generator: torch.Generator) -> Draw:
    """Training rows that lie evenly: the rival that has the data, and gives them back."""
    return lambda n, generator: x[kt.herd(x, min(n, len(x)))]


def flow(x: Tensor, generator: torch.Generator) -> Draw:
    """Flow matching with the package's network, 3,000 steps of 512 pairs."""
    trained = kt.FlowMatching(x.shape[1]).fit(x.float(), n_steps=FLOW_STEPS, generator=generator, verbose=False)
    return lambda n, generator: trained.sample(n, generator=generator).double()


def standardised(method: Method) -> Method:
    """A method on columns of mean zero and unit spread."""

    def fit(x: Tensor, generator: torch.Generator) -> Draw:
        units = kt.Standardizer.of(x)
        draw = method(units(x), generator)
        return lambda n, generator: units.undo(draw(n, generator))

    return fit


PLAIN: dict[str, Method] = {
    "mixture": standardised(mixture),
    "KDE": standardised(scott),
    "herded rows": herded,
    "flow": standardised(flow),
}
EVEN = ("herded rows", "herded rows, mapped")
