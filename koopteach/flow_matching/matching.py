"""Conditional flow matching: learn the velocity that carries a source to data by regression on straight pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from koopteach.files import fill, load_weights, save_weights
from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.net import FourierNet
from koopteach.flow_matching.paths import Coupling, Pairs, check_coupling, linear_path
from koopteach.flow_matching.train import Training, train
from koopteach.tensors import as_points, rand


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
        net: a module ``net(x (n, d), t (n, 1)) -> (n, d)``, whose parameters then require a gradient during ``fit``
            alone; None for :class:`FourierNet`, made by ``fit``.

    Attributes:
        net: the network.
        training: the record of ``fit``, a :class:`Training`.

    Raises:
        ValueError: ``dim`` below one, or another coupling.

    Source: Lipman et al. 2023; Tong et al. 2024 (couplings).
    """

    def __init__(self, dim: int, *, coupling: str | Coupling = "independent", net: nn.Module | None = None) -> None:
        if not (isinstance(dim, int) and dim >= 1):
            raise ValueError(f"FlowMatching: dim must be a whole number of at least 1, got {dim!r}.")
        check_coupling("FlowMatching", coupling)
        self.dim, self.coupling, self.net = dim, coupling, net if net is None else net.requires_grad_(False)
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
        """Learn the velocity from samples alone; a second call goes on with the network of the first.

        Args:
            x1: data ``(n, d)``, of about unit variance.
            x0: samples ``(m, d)`` of the source; None for standard normal noise.
            n_steps, lr: as in :func:`train`.
            batch: pairs a step; None for 512, or 256 with optimal transport, whose cost grows faster than the batch.
            generator: source of the first weights, the batches and the times.
            verbose: a progress bar where somebody watches, and a line when the training stopped early.

        Raises:
            ValueError: points that are not ``(n, dim)`` and finite, ``batch`` or ``n_steps`` below one.
        """
        x1 = as_points("fit", "x1", x1, dim=self.dim, at_least=2)
        x0 = None if x0 is None else as_points("fit", "x0", x0, dim=self.dim).to(x1)
        batch = (256 if self.coupling == "ot" else 512) if batch is None else batch
        if batch < 1:
            raise ValueError(f"fit: batch must be at least 1, got {batch}.")
        if self.net is None:
            self.net = FourierNet(self.dim, generator=generator)
        self.net.to(x1.device)
        self._x0, self._like = x0, x1.new_empty(0)
        pairs = self._pairs(x1, x0, generator, verbose)

        def loss() -> Tensor:
            x_t, t, u = self._batch(pairs, batch, generator)
            return (self.net(x_t, t) - u).square().sum(dim=1).mean()

        self.training = train(
            loss, self.net.parameters(), n_steps=n_steps, lr=lr, name=type(self).__name__, verbose=verbose
        )
        return self

    def _pairs(self, x1: Tensor, x0: Tensor | None, generator: torch.Generator | None, verbose: bool) -> Pairs:
        """What batches are drawn from, in the network's dtype; a subclass may pair other coordinates of both ends."""
        like = next(self.net.parameters())
        return Pairs("fit", x1.to(like), None if x0 is None else x0.to(like), self.coupling, generator)

    def _batch(self, pairs: Pairs, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        x0, x1 = pairs.draw(n, generator)
        t = rand((n, 1), x1, generator)
        x_t, u = linear_path(x0, x1, t)
        return x_t, t, u

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        if self.net is None:
            raise RuntimeError("FlowMatching: there is no velocity yet. Call fit(x1) first.")
        like = next(self.net.parameters())
        return self.net(x.to(like.dtype), t.to(like.dtype)).to(x.dtype)

    def save(self, path: str | Path) -> None:
        """Write the network to a safetensors file, its configuration inside.

        Raises:
            RuntimeError: not fitted, or a network other than :class:`FourierNet`, whose configuration nobody knows.
        """
        if not isinstance(self.net, FourierNet):
            raise RuntimeError("save: only a fitted FlowMatching with the FourierNet of the package can be saved.")
        coupling = self.coupling if isinstance(self.coupling, str) else "independent"
        tensors = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        if self._x0 is not None:
            tensors["x0"] = self._x0
        save_weights(path, "FlowMatching", {"coupling": coupling, "net": self.net.config}, tensors)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The flow of a file that :meth:`save` wrote; runs no code of the file.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind.
        """
        config, tensors = load_weights(path, "FlowMatching")
        x0 = tensors.pop("x0", None)
        net = FourierNet(**config["net"])
        fill(net, {name.removeprefix("net."): tensor for name, tensor in tensors.items()}, path)
        flow = cls(net.dim, coupling=config["coupling"], net=net)
        flow._x0, flow._like = x0, flow._like if x0 is None else x0.new_empty(0)
        return flow

    def __repr__(self) -> str:
        state = "not fitted" if self.net is None else repr(self.training or "network given")
        return f"FlowMatching(dim {self.dim}, {self.coupling} coupling, {state})"
