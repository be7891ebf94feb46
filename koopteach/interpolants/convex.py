"""Gradients of convex functions, their derivatives, and their inverses by Newton's method."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

Derivatives = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]

_MOST_STEPS, _MOST_HALVINGS, _ARMIJO = 100, 30, 1e-4


class ConvexMap(nn.Module):
    """``T(z) = eps z + sum_k softmax_k(beta c_k . z + b_k) c_k``, the gradient of a strictly convex function.

    It works in the dtype and on the device of its points, whatever its own parameters have.

    Args:
        centres: first ``c_k``, ``(K, d)``: rows of the data.
        strength: first ``beta``; large for separated modes.
        slope: first ``eps``, the smallest slope of T.

    Raises:
        ValueError: centres that are not ``(K, d)``, ``strength`` or ``slope`` not positive.
    """

    def __init__(self, centres: Tensor, *, strength: float = 3.0, slope: float = 0.2) -> None:
        super().__init__()
        if centres.ndim != 2 or not strength > 0 or not slope > 0:
            raise ValueError(
                "ConvexMap: centres must be (K, d) and strength and slope positive, got "
                f"{tuple(centres.shape)}, {strength} and {slope}."
            )
        self.dim = centres.shape[1]
        self.centres = nn.Parameter(centres.detach().clone(), requires_grad=False)
        # so that at first the nearest centre wins
        offsets = -0.5 * strength * self.centres.square().sum(dim=1)
        self.offsets = nn.Parameter(offsets, requires_grad=False)
        self.log_strength = nn.Parameter(centres.new_tensor(math.log(strength)), requires_grad=False)
        self.log_slope = nn.Parameter(centres.new_tensor(math.log(slope)), requires_grad=False)

    def forward(self, z: Tensor) -> Tensor:
        """``T(z)``, ``(..., d)``."""
        return self.log_slope.to(z).exp() * z + self._logits(z).softmax(dim=-1) @ self.centres.to(z)

    def _logits(self, z: Tensor) -> Tensor:
        return self.log_strength.to(z).exp() * (z @ self.centres.to(z).T) + self.offsets.to(z)

    def derivatives(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The potential ``(...)``, its gradient ``T(z)`` ``(..., d)`` and its Hessian ``DT(z)`` ``(..., d, d)``."""
        c, d = self.centres.to(z), self.dim
        logits, slope, strength = self._logits(z), self.log_slope.to(z).exp(), self.log_strength.to(z).exp()
        p = logits.softmax(dim=-1)
        mean = p @ c
        second = (p @ (c[:, :, None] * c[:, None]).reshape(len(c), d * d)).reshape(*z.shape, d)
        covariance = second - mean[..., :, None] * mean[..., None, :]
        potential = 0.5 * slope * z.square().sum(dim=-1) + logits.logsumexp(dim=-1) / strength
        return potential, slope * z + mean, slope * torch.eye(d).to(z) + strength * covariance

    def inverse(self, x: Tensor, start: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``z`` with ``T(z) = x``, ``(..., d)``, and ``log |det dz / dx|``, ``(...)``; differentiable once.

        Args:
            x: points ``(..., d)``.
            start: where Newton's method starts; a good guess saves most of its steps.
        """
        return convex_inverse(self.derivatives, x, x if start is None else start)


def convex_inverse(derivatives: Derivatives, x: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """``z`` where the gradient of a strictly convex function is ``x``, and ``-log det`` of its Hessian.

    Newton's method with Armijo's rule on ``psi(z) - x . z``, without gradients; then one more step with them, which
    carries the derivative of the inverse and squares what is left of the error.

    Raises:
        ValueError: points where the method does not arrive: the function is not strictly convex there.
    """
    with torch.no_grad():
        z, missed = _newton(derivatives, x.detach(), start.detach())
    if missed:
        raise ValueError(f"not invertible: Newton's method did not arrive at {missed} of {x[..., 0].numel()} points.")
    _, gradient, hessian = derivatives(z)
    z = z - torch.linalg.solve(hessian.detach(), (gradient - x)[..., None])[..., 0]
    return z, -derivatives(z)[2].logdet()


def _newton(derivatives: Derivatives, x: Tensor, z: Tensor) -> tuple[Tensor, int]:
    """The last iterate and how many points have not arrived."""
    tolerance = (1e-10 if x.dtype == torch.float64 else 1e-4) * (1 + x.norm(dim=-1))
    here, steps = derivatives(z), 0
    while bool((away := (here[1] - x).norm(dim=-1) > tolerance).any()) and steps < _MOST_STEPS:
        residual = here[1] - x
        step = torch.linalg.solve(here[2], residual[..., None])[..., 0]
        step = torch.where(away[..., None], step, 0.0)
        z, here = _armijo(derivatives, x, z, step, here[0] - (x * z).sum(dim=-1), residual)
        steps += 1
    return z, int(away.sum())


def _armijo(
    derivatives: Derivatives, x: Tensor, z: Tensor, step: Tensor, height: Tensor, residual: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Where that share of each Newton step leads which lowers the convex function enough, and the derivatives there."""
    share = torch.ones_like(height)
    enough = _ARMIJO * (residual * step).sum(dim=-1)
    rounding = 10 * torch.finfo(x.dtype).eps * (1 + height.abs())
    trial = z - step
    there = derivatives(trial)  # most often the whole step is taken: then the next one starts with these
    for _ in range(_MOST_HALVINGS):
        high = there[0] - (x * trial).sum(dim=-1) > height - share * enough + rounding
        if not bool(high.any()):
            break
        share = torch.where(high, share / 2, share)
        trial = z - share[..., None] * step
        there = derivatives(trial)
    return trial, there


def blended_inverse(x: Tensor, t: Tensor, first: ConvexMap | None, last: ConvexMap) -> tuple[Tensor, Tensor]:
    """The inverse of ``(1 - t) first + t last`` at ``x``, and its log-determinant; ``first`` None is the identity."""

    def derivatives(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shares = t[..., 0], t, t[..., None]  # beside a number, a gradient and a Hessian of each point
        ends = _identity(z) if first is None else first.derivatives(z), last.derivatives(z)
        potential, gradient, hessian = ((1 - s) * a + s * b for s, a, b in zip(shares, *ends))
        return potential, gradient, hessian

    return convex_inverse(derivatives, x, x)


def _identity(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    eye = torch.eye(z.shape[-1]).to(z)
    return 0.5 * z.square().sum(dim=-1), z, eye.expand(*z.shape, z.shape[-1])
