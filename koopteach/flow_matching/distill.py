"""The plainest one-step sampler: regression of the teacher's end points on its start points."""

from typing import Any

import torch
from torch import Tensor

from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.net import FourierNet
from koopteach.flow_matching.paths import draw_source, widened
from koopteach.flow_matching.train import Training, train
from koopteach.flow_matching.units import warn_of_units
from koopteach.tensors import as_count, as_points, random_rows

# Times the mean square: with it the gradient's clip acts, and the errors fall by a third.
_LOSS_SCALE = 24.0


class DirectMap:
    """A network ``x0 -> x1`` in the place of a flow; made by :func:`distill`. It knows no time and no way back.

    Attributes:
        net: the network.
        training: the record of its training.
    """

    def __init__(self, flow: Flow, net: FourierNet) -> None:
        self.dim, self.net = flow.dim, net
        self._x0, self._like, self._units = flow._x0, flow._like, flow._units
        self.training: Training | None = None

    def transport(self, x0: Tensor) -> Tensor:
        """The end points ``(n, d)``; one evaluation of the network."""
        x0 = as_points("transport", "x0", x0, dim=self.dim)
        x = (x0 if self._units is None else self._units.into(x0, 0.0)).to(self.net.frequencies.dtype)
        with torch.no_grad():
            x1 = self.net(x, x.new_zeros(len(x), 1)).to(x0.dtype)
        return x1 if self._units is None else self._units.undo(x1, 1.0)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """``n`` samples, ``(n, d)``: the flow's source, mapped."""
        n = as_count("sample", "n", n)
        return self.transport(draw_source(self._x0, self._like.new_empty(0, self.dim), n, generator))


def distill(
    flow: Flow,
    *,
    n_pairs: int = 12_000,
    x0: Tensor | None = None,
    n_steps: int = 2500,
    batch: int = 256,
    lr: float = 2e-2,
    generator: torch.Generator | None = None,
    verbose: bool = True,
    **sizes: Any,
) -> DirectMap:
    """Least squares of ``flow.transport(x0)`` on ``x0``, in the flow's units: the baseline of every one-step student.

    Args:
        flow: the teacher, any :class:`Flow`.
        n_pairs: pairs that it makes, by twenty midpoint steps.
        x0: start points ``(n, d)`` of the pairs; None draws them from the flow's source, every fourth a quarter further
            out, so that rare noise is met, too.
        n_steps, batch, lr, generator, verbose: of the training.
        sizes: of the network, as of :class:`FourierNet`; width 96 where nothing is said.

    Raises:
        TypeError, ValueError: a size that is no whole number of at least one, or points that do not fit.

    >>> import torch
    >>> import koopteach as kt
    >>> teacher, stream = kt.GaussianFlow([3.0, 0.0], [1.0, 1.0]), torch.Generator().manual_seed(0)
    >>> direct = kt.distill(teacher, n_pairs=100, n_steps=20, batch=50, width=8, n_frequencies=0, generator=stream)
    >>> tuple(direct.sample(5, generator=stream).shape)
    (5, 2)
    """
    n_pairs, batch = as_count("distill", "n_pairs", n_pairs), as_count("distill", "batch", batch)
    x0 = widened(flow.source(n_pairs, generator)) if x0 is None else x0
    mapped, x0 = flow._mapped(as_points("distill", "x0", x0, dim=flow.dim))
    x1 = mapped.transport(x0, steps=20)
    warn_of_units("distill: what the teacher makes", x1)
    net = FourierNet(flow.dim, generator=generator, **{"width": 96, "time_frequencies": 0, **sizes}).to(x0.device)
    x0, x1 = x0.to(net.frequencies), x1.to(net.frequencies)
    zeros, direct = x0.new_zeros(batch, 1), DirectMap(flow, net)

    def loss() -> Tensor:
        rows = random_rows(x0, batch, generator)
        return _LOSS_SCALE * (net(x0[rows], zeros) - x1[rows]).square().mean()

    direct.training = train(loss, net.parameters(), n_steps=n_steps, lr=lr, ema=0.995, name="distill", verbose=verbose)
    return direct
