"""Conditional flow matching: learn the velocity that carries a source to data by regression on straight pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from koopteach.files import fill, load_weights, part, save_weights
from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.net import FourierNet, like_weights, own_copy, to_train
from koopteach.flow_matching.paths import Coupling, Pairs, checked_coupling, linear_path
from koopteach.flow_matching.train import Training, train
from koopteach.tensors import as_count, as_points, rand


class FlowMatching(Flow):
    """The flow whose velocity minimises ``E |v(x_t, t) - (x1 - x0)|^2`` over times, noise and data.

    ``x_t = (1 - t) x0 + t x1``, t uniform. The minimiser is ``v*(x, t) = E[x1 - x0 | x_t = x]``. With independent
    pairs all paths first contract to the data's mean, so that one Euler step lands there; pairs of optimal transport
    give nearly straight paths.

    Args:
        dim: coordinates of a point.
        coupling: ``"independent"``, ``"ot"`` (optimal transport within each batch), ``"local"`` (65,536 pairs matched
            once, nearly optimally, before the training), ``"paired"`` (row i of the source belongs to row i of the
            data), or a function ``(x0, x1) -> (x0, x1)`` of two batches.
        net: a module ``net(x (n, d), t (n, 1)) -> (n, d)``; None for :class:`FourierNet`, made by ``fit``. The flow
            works with copies and leaves ``net`` as it is. ``fit`` trains what requires a gradient, in ``net``'s own
            dtype, or all of a network that is frozen as a whole, as those of fitted and loaded flows are; so
            ``FlowMatching(dim, net=flow.net)`` goes on where ``flow`` ended.

    Attributes:
        net: the network that is evaluated, without gradients of its parameters, dropout off.
        training: the record of ``fit``, a :class:`Training`.

    Raises:
        TypeError, ValueError: ``dim`` that is no whole number of at least one, or another coupling.

    >>> import torch
    >>> import koopteach as kt
    >>> stream = torch.Generator().manual_seed(0)
    >>> data = kt.moons.sample(200, stream)
    >>> net = kt.FourierNet(2, width=8, depth=1, generator=stream)
    >>> flow = kt.FlowMatching(2, net=net).fit(data, n_steps=20, batch=64, generator=stream)
    >>> flow
    FlowMatching(dim 2, independent coupling, Training(20 steps))
    >>> tuple(flow.sample(5, solver="midpoint", steps=4, generator=stream).shape), flow.nfe
    ((5, 2), 8)

    Source: Lipman et al. 2023; Tong et al. 2024 (couplings).
    """

    def __init__(self, dim: int, *, coupling: str | Coupling = "independent", net: nn.Module | None = None) -> None:
        dim = as_count("FlowMatching", "dim", dim)
        self.dim = dim
        self.coupling: str | Coupling | None = checked_coupling("FlowMatching", coupling)
        self._given, self.net = net, None if net is None else own_copy(net)
        self.training: Training | None = None
        self._like = torch.empty(0, dtype=torch.float64)

    def fit(
        self,
        x1: Tensor,
        x0: Tensor | None = None,
        *,
        n_steps: int = 3000,
        batch: int | None = None,
        lr: float = 2e-3,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """Learn the velocity from samples alone; a second call starts anew.

        Args:
            x1: data ``(n, d)``, of about unit variance.
            x0: samples ``(m, d)`` of the source; None for standard normal noise.
            n_steps, lr: as in :func:`train`.
            batch: pairs a step; None for 512, or 256 with optimal transport, whose cost grows faster than the batch.
            generator: source of the first weights, the batches and the times.
            verbose: a progress bar where somebody watches, and a line when the training stopped early.

        Raises:
            TypeError, ValueError: points that are not ``(n, dim)`` and finite, ``batch`` or ``n_steps`` that is no
                whole number of at least one, a network or a coupling that returns another shape.
        """
        x1 = as_points("fit", "x1", x1, dim=self.dim, at_least=2)
        x0 = None if x0 is None else as_points("fit", "x0", x0, dim=self.dim).to(x1)
        batch = (256 if self.coupling == "ot" else 512) if batch is None else as_count("fit", "batch", batch)
        net, learned = to_train(FourierNet(self.dim, generator=generator) if self._given is None else self._given)
        self.net, self._x0, self._like = net.to(x1.device), x0, x1.new_empty(0)
        pairs = self._pairs(x1, x0, generator, verbose)

        def loss() -> Tensor:
            x_t, t, u = self._batch(pairs, batch, generator)
            return (self._answer(net, x_t, t) - u).square().sum(dim=1).mean()

        try:
            self.training = train(loss, learned, n_steps=n_steps, lr=lr, name=type(self).__name__, verbose=verbose)
        finally:
            net.eval()
        return self

    def _pairs(self, x1: Tensor, x0: Tensor | None, generator: torch.Generator | None, verbose: bool) -> Pairs:
        """What batches are drawn from, in the network's dtype; `CurvedInterpolant` pairs other coordinates."""
        like = like_weights(self._network())
        return Pairs("fit", x1.to(like), None if x0 is None else x0.to(like), self.coupling, generator)

    def _batch(self, pairs: Pairs, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        x0, x1 = pairs.draw(n, generator)
        t = rand((n, 1), x1, generator)
        x_t, u = linear_path(x0, x1, t)
        return x_t, t, u

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        net = self._network()
        like = like_weights(net)
        return self._answer(net, x.to(like.dtype), t.to(like.dtype)).to(x.dtype)

    def _network(self) -> nn.Module:
        if self.net is None:
            raise RuntimeError("FlowMatching: there is no velocity yet. Call fit(x1) first.")
        return self.net

    @staticmethod
    def _answer(net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        """``net(x, t)``, which must be ``(n, d)``: another shape would be broadcast, and train."""
        v = net(x, t)
        if v.shape != x.shape:
            raise ValueError(
                f"FlowMatching: net returned {tuple(v.shape)} for points {tuple(x.shape)}, but a velocity has as many "
                "coordinates as a point."
            )
        return v

    def save(self, path: str | Path) -> None:
        """Write the flow to a safetensors file: the network and its sizes, the coupling's name, and the source.

        Raises:
            RuntimeError: not fitted, or a network other than :class:`FourierNet`, whose sizes nobody knows.
        """
        save_weights(path, type(self).__name__, *self._contents())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The flow of a file that :meth:`save` wrote; runs no code of the file.

        A coupling of one's own is not in it: ``coupling`` is then None, and ``fit`` asks for it.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind.
        """
        config, tensors = load_weights(path, cls.__name__)
        return cls(config["net"]["dim"])._restore(config, tensors, path)

    def _contents(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Configuration and tensors of a file."""
        if not isinstance(self.net, FourierNet):
            name = type(self).__name__
            raise RuntimeError(f"save: only a fitted {name} with the FourierNet of the package can be saved.")
        coupling = self.coupling if isinstance(self.coupling, str) else None  # a function is code, which no file holds
        net = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        return {"coupling": coupling, "net": self.net.config}, {**net, **self._source_tensors()}

    def _restore(self, config: dict[str, Any], tensors: dict[str, Tensor], path: str | Path) -> Self:
        """Fill an empty flow from them; what belongs to a subclass stays unread."""
        self.net = self._given = fill(FourierNet(**config["net"]), part(tensors, "net"), path)
        self.coupling = config["coupling"]
        self._restore_source(tensors)
        return self

    def __repr__(self) -> str:
        state = "not fitted" if self.net is None else self.training or "network given"
        coupling = self.coupling if isinstance(self.coupling, str) else "custom"
        return f"FlowMatching(dim {self.dim}, {coupling} coupling, {state})"
