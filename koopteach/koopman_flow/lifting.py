"""Liftings ``z(x, t)`` in which a flow is linear, ``dz/dt = L z`` along its paths, with the state among what is read.

The flow is made autonomous by its clock: on ``(x, t)`` the motion is ``(v(x, t), 1)``, and the rate of an observable is
its derivative in that direction, ``Lie z = dz/dt + J_x z v``.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from koopteach.flow_matching import FourierNet
from koopteach.flow_matching.net import like_weights
from koopteach.koopman_flow.time_functions import Whitening, time_functions
from koopteach.tensors import jvp, refuse_shape


class Lifting(nn.Module):
    """What every lifting has: ``lift``, ``evolve``, ``read``, and its ``generator``.

    Attributes:
        dim: coordinates of a state.
        n_observables: ``D``.
        n_clock: how many observables, the first ones, are the clock's and not learned.
        pinned: whether the read-out fixes the scale of the observables, so that they cannot die.
        way_back: whether its training saw points on the way, t > 0, so that paths can be followed back from there.
    """

    dim: int
    n_observables: int
    n_clock = 0
    pinned = False
    way_back = True

    def lift(self, x: Tensor, t: Tensor) -> Tensor:
        """Observables ``(n, D)`` at points ``(n, d)`` and times ``(n, 1)``."""
        raise NotImplementedError

    def evolve(self, z: Tensor, tau: Tensor | float) -> Tensor:
        """``e^{tau L} z``, ``(n, D)``; ``tau`` a number or ``(n, 1)``."""
        raise NotImplementedError

    def read(self, z: Tensor) -> Tensor:
        """The state ``(n, d)`` that observables ``(n, D)`` stand for."""
        raise NotImplementedError

    def generator(self) -> Tensor:
        """``L``, ``(D, D)``."""
        raise NotImplementedError

    def rate(self, x: Tensor, t: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """``z`` and ``Lie z``, both ``(n, D)``: one forward derivative in the direction ``(v, 1)``."""
        return jvp(self.lift, (x, t), (v, torch.ones_like(t)))


class ModeSum(Lifting):
    """One Jordan block at zero and ``K`` pairs that turn and grow, each as wide as the state.

    ``z = (p, u, a_1 .. a_K, b_1 .. b_K)`` is read as ``x = p + sum_k a_k`` and moves by ``p' = u``, ``u' = 0``,
    ``a' = alpha a + beta b``, ``b' = alpha b - beta a``; so each path is a sum of ``K + 1`` modes. The read-out is
    fixed and gives back ``x`` at every ``(x, t)``: neither collapse nor a change of scale can make the loss small.

    Args:
        net: gives the free numbers of a lift, ``(n, outputs)``, at points ``(n, d)`` and times ``(n, 1)``.
        growth, frequency: ``alpha`` and ``beta``, ``(K,)``, in 1/time.
        dim: coordinates of a state; None for those of a :class:`FourierNet`.
    """

    pinned = True
    net: Any  # a FourierNet, or a module of one's own

    def __init__(self, net: Any, growth: Tensor, frequency: Tensor, dim: int | None = None) -> None:
        super().__init__()
        self.net, like = net, like_weights(net)
        self.dim = net.dim if dim is None else dim
        self.growth, self.frequency = (nn.Parameter(s.clone().to(like)) for s in (growth, frequency))
        self.n_pairs = len(growth)
        self.n_functions = 2 + 2 * self.n_pairs
        self.n_observables = self.n_functions * self.dim

    def complete(self, out: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Observables ``(n, D)`` from what the network says, linear in ``(out, x)``, with ``read(z) = x``."""
        raise NotImplementedError

    def lift(self, x: Tensor, t: Tensor) -> Tensor:
        """Observables ``(n, D)`` at points ``(n, d)`` and times ``(n, 1)``; one evaluation of the network."""
        return self.complete(self.net(x, t), x, t)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``p`` and ``u``, ``(n, d)``, ``a`` and ``b``, ``(n, K, d)``."""
        z, k = z.reshape(len(z), self.n_functions, self.dim), self.n_pairs
        return z[:, 0], z[:, 1], z[:, 2 : 2 + k], z[:, 2 + k :]

    def join(self, p: Tensor, u: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The observables ``(n, D)`` of these parts."""
        return torch.cat([p[:, None], u[:, None], a, b], dim=1).flatten(1)

    def evolve(self, z: Tensor, tau: Tensor | float) -> Tensor:
        """``e^{tau L} z`` in closed form, ``(n, D)``; ``tau`` a number or ``(n, 1)``, of either sign."""
        p, u, a, b = self.split(z)
        tau = torch.as_tensor(tau, dtype=z.dtype, device=z.device).reshape(-1, 1)
        grow, turn = (self.growth * tau).exp(), self.frequency * tau
        c, s = (grow * turn.cos())[:, :, None], (grow * turn.sin())[:, :, None]
        return self.join(p + tau * u, u, c * a + s * b, c * b - s * a)

    def read(self, z: Tensor) -> Tensor:
        """``p + sum_k a_k``, ``(n, d)``."""
        p, _, a, _ = self.split(z)
        return p + a.sum(dim=1)

    def generator(self) -> Tensor:
        """``L``, ``(D, D)``, acting on columns ``z``."""
        k, small = self.n_pairs, self.growth.new_zeros(self.n_functions, self.n_functions)
        small[0, 1] = 1
        a, b = torch.arange(2, 2 + 2 * k, device=small.device).tensor_split(2)
        small[a, a] = small[b, b] = self.growth
        small[a, b], small[b, a] = self.frequency, -self.frequency
        return torch.kron(small, torch.eye(self.dim, dtype=small.dtype, device=small.device))

    def path_matrix(self, times: Tensor) -> Tensor:
        """``phi`` ``(k, r)``: the state after ``tau`` is ``sum_i phi_i(tau) z_i`` over the ``r`` parts of ``z``."""
        return time_functions(times.to(self.growth), self.growth, self.frequency)


class StateLift(ModeSum):
    """The network gives ``u``, ``a`` and ``b`` at ``(x, t)``, and ``p = x - sum_k a_k``. For consistency training."""

    @staticmethod
    def outputs(dim: int, n_pairs: int) -> int:
        """Numbers that the network gives."""
        return (1 + 2 * n_pairs) * dim

    def complete(self, out: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Observables ``(n, D)`` with ``p + sum_k a_k = x``."""
        out = out.reshape(len(out), 1 + 2 * self.n_pairs, self.dim)
        u, a, b = out[:, 0], out[:, 1 : 1 + self.n_pairs], out[:, 1 + self.n_pairs :]
        return self.join(x - a.sum(dim=1), u, a, b)


class PathLift(ModeSum):
    """The network gives the whitened coefficients ``y`` ``(n, r, d)`` of the whole path through ``(x, t)``.

    They are constant along a path, and the path through ``(x, t)`` must obey ``q(t) . y = x`` with
    ``q = phi(t) R^{-1}``: a plane onto which the network's answer is projected.

    Args:
        net, growth, frequency, dim: as of :class:`ModeSum`.
        r_inverse: ``(r, r)``, of :class:`Whitening`.
    """

    r_inverse: Tensor

    def __init__(self, net: Any, growth: Tensor, frequency: Tensor, r_inverse: Tensor, dim: int | None = None) -> None:
        super().__init__(net, growth, frequency, dim)
        self.register_buffer("r_inverse", r_inverse.to(self.growth.dtype))

    @staticmethod
    def outputs(dim: int, n_pairs: int) -> int:
        """Numbers that the network gives."""
        return (2 + 2 * n_pairs) * dim

    def complete(self, out: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Observables ``(n, D)`` at time ``t`` of the path that passes through ``x`` then."""
        q = self.path_matrix(t[:, 0]) @ self.r_inverse
        y = self.through(out.reshape(len(out), self.n_functions, self.dim), x, q)
        return self.evolve((self.r_inverse @ y).flatten(1), t)

    @staticmethod
    def through(y: Tensor, x: Tensor, q: Tensor) -> Tensor:
        """``y`` ``(n, r, d)`` moved the least so that ``q . y = x``, with ``q`` ``(n, r)``."""
        q = q[:, :, None]
        return y + q * ((x - (q * y).sum(dim=1)) / q.square().sum(dim=1))[:, None]


def state_lift(
    dim: int,
    n_pairs: int,
    pairs: tuple[Tensor, Tensor] | None = None,
    *,
    net: nn.Module | None = None,
    generator: torch.Generator | None = None,
    **sizes: Any,
) -> StateLift:
    """A fresh :class:`StateLift` with these ``pairs`` of growths and frequencies; None for ``+- i k pi / 2``."""
    if pairs is None:
        pairs = torch.zeros(n_pairs), math.pi / 2 * torch.arange(1.0, n_pairs + 1)
    outputs = StateLift.outputs(dim, n_pairs)
    if net is None:
        net = FourierNet(dim, outputs, last_scale=0.1, generator=generator, **sizes)
    return StateLift(checked_net(net, dim, outputs), *pairs, dim=dim)


def checked_net(net: nn.Module, dim: int, outputs: int) -> nn.Module:
    """A network ``(n, d), (n, 1) -> (n, outputs)``.

    Raises:
        ValueError: another shape comes back.
    """
    like = like_weights(net)
    with torch.no_grad():
        found = net(like.new_zeros(2, dim), like.new_zeros(2, 1))
    numbers = ": for each coordinate and K pairs 2 + 2 K numbers for coefficients, 1 + 2 K for consistency"
    refuse_shape("KoopmanFlow", "what net returns for 2 points", found, (2, outputs), numbers)
    return net


def check_lifting(lifting: Lifting) -> None:
    """Refuse a lifting of one's own whose lift, evolution, read-out or generator has another shape than it says.

    Raises:
        ValueError: one of them.
    """
    d, m, like = lifting.dim, lifting.n_observables, like_weights(lifting)
    with torch.no_grad():
        z = lifting.lift(like.new_zeros(2, d), like.new_zeros(2, 1))
        found = {"lift": z, "evolve": lifting.evolve(z, 1.0), "read": lifting.read(z), "generator": lifting.generator()}
    needed = {"lift": (2, m), "evolve": (2, m), "read": (2, d), "generator": (m, m)}
    for name, shape in needed.items():
        refuse_shape("KoopmanFlow", f"{name} of the lifting", found[name], shape, f" for 2 points and {m} observables")


def path_lift(
    dim: int,
    times: Tensor,
    pairs: tuple[Tensor, Tensor],
    *,
    net: nn.Module | None = None,
    generator: torch.Generator | None = None,
    **sizes: Any,
) -> PathLift:
    """A fresh :class:`PathLift` with these ``pairs``, for paths stored at equal ``times`` ``(T,)``."""
    outputs = PathLift.outputs(dim, len(pairs[0]))
    net = FourierNet(dim, outputs, generator=generator, **sizes) if net is None else checked_net(net, dim, outputs)
    return PathLift(net, *pairs, Whitening.of(times, *pairs).r_inverse, dim=dim)
