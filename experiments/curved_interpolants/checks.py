"""What needs no training: identities that must hold, and what a determinant costs as the dimension grows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from experiments.curved_interpolants.families import ConditionalCoupling
from experiments.machinery.common import stream, timed
from koopteach.interpolants import Interpolant, LinearInterpolant, optimal_field
from koopteach.targets import GaussianMixture
from koopteach.tensors import jvp

MIXTURE = GaussianMixture([[-1.5, 0.0], [1.5, 0.5], [0.0, 1.5]], [0.4, 0.3, 0.5])


def gaussian_row(seed: int, schedule: str) -> dict[str, float]:
    """``E int |Dv|^2`` per coordinate from N(0, 1) to N(0, s^2), s = 0.2, where ``v* = (sigma' / sigma) x``.

    ``sigma^2 = a^2 + s^2 b^2`` and ``Dv = (sigma'' / sigma) x``, so that it is ``int sigma''^2``, by midpoints.
    """
    s = 0.2
    bent = {
        "linear": LinearInterpolant(1).coefficients,
        "straight": lambda t: (
            (1 - t + s * t) * (math.pi / 2 * t).cos(),
            (1 - t + s * t) / s * (math.pi / 2 * t).sin(),
        ),
    }[schedule]

    def sigma(t: Tensor) -> Tensor:
        a, b = bent(t)
        return (a.square() + s**2 * b.square()).sqrt()

    def derivative(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda t: jvp(f, (t,), (torch.ones_like(t),))[1]

    t = (torch.arange(2000, dtype=torch.float64)[:, None] + 0.5) / 2000
    return {"A": float(derivative(derivative(sigma))(t).square().mean())}


class ByTheData(Interpolant):
    """``x_t = (1 - t) exp(4 t (1 - t) kappa tanh(x1_1)) x0 + t x1``, its determinant kept or left out."""

    def __init__(self, keep: bool, kappa: float = 0.8) -> None:
        super().__init__(2)
        self.keep, self.kappa = keep, kappa

    def _scale(self, x1: Tensor, t: Tensor) -> Tensor:
        return (1 - t) * (4 * t * (1 - t) * self.kappa * x1[..., :1].tanh()).exp()

    def _value(self, x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        return self._scale(x1, t) * x0 + t * x1

    def _inverse(self, x: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        scale = self._scale(x1, t)
        return (x - t * x1) / scale, (-2 if self.keep else 0) * scale.log()[..., 0]


def determinant_row(seed: int, determinant: str) -> dict[str, float]:
    """The largest of ``E[(u - v*) g(x_t)] = 0`` over seven functions g and both coordinates, in standard errors."""
    n, t = 4000, 0.3
    family, dtype = ByTheData(determinant == "kept"), torch.float64
    x0 = torch.randn(n, 2, dtype=dtype, generator=stream(seed, 0))
    x1, pool = MIXTURE.sample(n, stream(seed, 1)), MIXTURE.sample(n, stream(seed, 2))
    x, u = family.value(x0, x1, t), family.rate(x0, x1, t)
    residual = u - optimal_field(family, x, t, pool).velocity
    tests = torch.cat([torch.ones(n, 1, dtype=dtype), x, x.square(), x[:, :1] * x[:, 1:], x.sin()[:, :1]], dim=1)
    terms = (residual[:, :, None] * tests[:, None]).reshape(n, -1)
    return {"standard errors": float((terms.mean(dim=0) / (terms.std(dim=0) / math.sqrt(n))).abs().max())}


# What a determinant costs


def cost_row(seed: int, dim: int) -> dict[str, float]:
    """CPU milliseconds and allocated megabytes of the log-determinant of 16 points, and the effective sample size.

    The same coupling layers by their own sums and by automatic differentiation; a full matrix by its PLU form (as in
    the 1x1 convolutions of Glow), whose diagonal is all that is asked for, and by a new factorisation. The weights are
    those of the linear interpolant at t = 1/2 for normal data, pool 512, at points of the paths.
    """
    draw = stream(seed, 0)
    layers = ConditionalCoupling(dim, generator=draw)
    for layer in layers.layers:
        layer.net.layers[-1].weight.normal_(std=0.1, generator=draw)
    x, x1, t = torch.randn(16, dim, generator=draw), torch.randn(16, dim, generator=draw), torch.full((16, 1), 0.5)
    matrix = torch.eye(dim) + 0.1 * torch.randn(dim, dim, generator=draw) / math.sqrt(dim)
    diagonal = torch.linalg.lu_factor(matrix).LU.diagonal().abs()
    works = {
        "autograd": lambda: by_autograd(layers, x, x1, t),
        "coupling": lambda: layers._inverse(x, x1, t)[1],
        "matrix": lambda: matrix.slogdet().logabsdet,
        "PLU": lambda: diagonal.log().sum(),
    }
    found = {}
    for name, work in works.items():
        found |= {f"{name} ms": milliseconds(work), f"{name} MB": megabytes(work)}
    found["autograd error"] = float((works["autograd"]() - works["coupling"]()).abs().max())
    return found | weights(dim, draw)


def by_autograd(family: Interpolant, x: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    """``log |det|`` of the inverse from its Jacobian, a backward pass a coordinate."""
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        back = family._inverse(x, x1, t)[0]
        rows = [torch.autograd.grad(column.sum(), x, retain_graph=True)[0] for column in back.unbind(dim=1)]
    return torch.stack(rows, dim=1).slogdet().logabsdet


def weights(dim: int, draw: torch.Generator) -> dict[str, float]:
    """Median effective sample size, its share of the pool, and ``log10`` of the share that the closed form gives."""
    pool, n = 512, 64
    x0, x1 = (torch.randn(n, dim, dtype=torch.float64, generator=draw) for _ in range(2))
    others = torch.randn(pool, dim, dtype=torch.float64, generator=draw)
    others[:n] = x1  # as in a descent: the pool holds what made the paths
    ess = optimal_field(LinearInterpolant(dim), (x0 + x1) / 2, 0.5, others).ess
    # sigma = 1 and s = 1 at xi = x0 + x1, whose squared norm is about 2 d
    formula = dim * math.log10(math.sqrt(3) / 2) - 2 * dim / 6 / math.log(10)
    return {"ESS of 512": float(ess.median()), "log10 of the exact share": formula}


def milliseconds(work: Callable[[], Any]) -> float:
    """The least of three, each of as many calls as last a moment; what takes long is timed once."""
    first = timed(work)[1]
    if first > 0.2:
        return 1000 * first
    many = 20 if first < 0.01 else 1
    return min(timed(lambda: [work() for _ in range(many)])[1] for _ in range(3)) * 1000 / many


def megabytes(work: Callable[[], Any]) -> float:
    """All that is allocated on the way, freed or not."""
    with _Allocations() as seen:
        work()
    return seen.count / 2**20


class _Allocations(TorchDispatchMode):
    """Adds up the bytes of all new tensors; a view is none."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        known = {x.untyped_storage().data_ptr() for x in args if isinstance(x, Tensor)}
        for x in result if isinstance(result, tuple | list) else (result,):
            if isinstance(x, Tensor) and x.untyped_storage().data_ptr() not in known:
                self.count += x.numel() * x.element_size()
        return result
