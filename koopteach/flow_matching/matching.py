"""Conditional flow matching: learn the velocity that carries a source to data by regression on straight pairs."""

import copy
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from koopteach.files import fill, load_weights, part, save_weights
from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.labels import as_labels
from koopteach.flow_matching.net import FourierNet, like_weights, own_copy, to_train
from koopteach.flow_matching.paths import Coupling, Pairs, checked_coupling, coupled, draw_source, linear_path
from koopteach.flow_matching.train import Training, train
from koopteach.flow_matching.units import Units
from koopteach.ranks import ranks_of
from koopteach.tensors import as_count, as_points, rand, random_rows, refuse_shape


class FlowMatching(Flow):
    """The flow whose velocity minimises ``E |v(x_t, t) - (x1 - x0)|^2`` over times, noise and data.

    ``x_t = (1 - t) x0 + t x1``, t uniform. The minimiser is ``v*(x, t) = E[x1 - x0 | x_t = x]``. With independent
    pairs all paths first contract to the data's mean, so that one Euler step lands there; pairs of optimal transport
    give nearly straight paths.

    The data may have any units: ``fit`` maps their columns to unit spread (:class:`Units`), the network learns there,
    and points, velocities and densities come back in the data's units. The source stays N(0, I).

    Args:
        dim: coordinates of a point.
        coupling: ``"independent"``, ``"ot"`` (optimal transport within each batch), ``"local"`` (65,536 pairs matched
            once, nearly optimally, before the training), ``"paired"`` (row i of the source belongs to row i of the
            data), or a function ``(x0, x1) -> (x0, x1)`` of two batches.
        net: a module ``net(x (n, d), t (n, 1)) -> (n, d)``, with labels ``net(x, t, labels)``, ``(n,)`` or ``()``; None
            for :class:`FourierNet`, made by ``fit``. The flow works with copies and leaves ``net`` as it is.
            ``fit`` trains what requires a gradient, in ``net``'s own dtype, or all of a network that is frozen as a
            whole, as those of fitted and loaded flows are; so ``FlowMatching(dim, net=flow.net)``, fitted to the same
            data, goes on where ``flow`` ended. In ``DistributedDataParallel`` the processes of one ``torchrun`` train
            it together, each on rows and with a ``generator`` of its own, and all with the same ``standardize=Units``.

    Attributes:
        net: the network that is evaluated, without gradients of its parameters, dropout off.
        training: the record of ``fit``, a :class:`Training`.
        n_labels: classes of the data, 0 where they have none.

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

    Classes: ``fit(x1, labels=...)``, then ``flow.sample(n, labels=1)``, or ``flow.given(1)``, a flow of that class.

    A loop of one's own, with any optimiser and whatever else it needs, in the place of ``fit``:

    >>> flow = kt.FlowMatching(2, net=net).prepare(data)
    >>> adam = torch.optim.Adam(flow.net.parameters(), lr=2e-3)
    >>> for _ in range(20):
    ...     batch = data[torch.randint(len(data), (64,), generator=stream)]
    ...     adam.zero_grad()
    ...     flow.loss(batch, generator=stream).backward()
    ...     _ = adam.step()
    >>> _ = flow.net.eval()
    >>> tuple(flow.sample(5).shape)
    (5, 2)

    Source: Lipman et al. 2023; Tong et al. 2024 (couplings).
    """

    def __init__(self, dim: int, *, coupling: str | Coupling = "independent", net: nn.Module | None = None) -> None:
        dim = as_count("FlowMatching", "dim", dim)
        self.dim = dim
        self.coupling: str | Coupling | None = checked_coupling("FlowMatching", coupling)
        self._given, self.net = net, None if net is None else own_copy(net)
        self.training: Training | None = None
        self.n_labels: int = getattr(net, "n_labels", 0)
        self._labels: Tensor | None = None
        self._like = torch.empty(0, dtype=torch.float64)

    def fit(
        self,
        x1: Tensor,
        x0: Tensor | None = None,
        *,
        labels: Any = None,
        n_steps: int = 3000,
        batch: int | None = None,
        lr: float = 2e-3,
        standardize: bool | Units = True,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """Learn the velocity from samples alone; a second call starts anew.

        Args:
            x1: data ``(n, d)``, in any units.
            x0: samples ``(m, d)`` of the source, in the units of ``x1``; None for standard normal noise.
            labels: classes ``(n,)`` of the data, whole numbers ``0 .. k - 1``; needs independent pairs.
            n_steps, lr: as in :func:`train`.
            batch: pairs a step; None for 512, or 256 with optimal transport, whose cost grows faster than the batch.
            standardize: whether to learn in columns of unit spread; False for data that have it, or the
                :class:`Units` to learn in.
            generator: source of the first weights, the batches and the times.
            verbose: a progress bar where somebody watches, and a line when the training stopped early.

        Raises:
            TypeError, ValueError: points that are not ``(n, dim)`` and finite, ``batch`` or ``n_steps`` that is no
                whole number of at least one, labels that are no classes of these rows, a network or a coupling that
                returns another shape.
        """
        batch = (256 if self.coupling == "ot" else 512) if batch is None else as_count("fit", "batch", batch)
        n_steps = as_count("fit", "n_steps", n_steps)
        self.prepare(x1, x0, labels=labels, standardize=standardize, generator=generator, verbose=verbose)
        net, (x0, x1) = self._network(), self._codes(self._x0, as_points("fit", "x1", x1))
        pairs = Pairs("fit", x1, x0, self.coupling, generator)
        labels = None if labels is None else as_labels("fit", labels, len(x1)).to(x1.device)

        def loss() -> Tensor:
            rows = random_rows(pairs.x1, batch, generator)
            given = None if labels is None else labels[rows]
            return self._distance(*pairs.at(rows, generator), given, generator)

        try:
            learned = [p for p in net.parameters() if p.requires_grad]
            options = {"n_steps": n_steps, "lr": lr, "ranks": ranks_of(net), "verbose": verbose}
            self.training = train(loss, learned, name=type(self).__name__, **options)
        finally:
            net.requires_grad_(False).eval()
        return self

    def prepare(
        self,
        x1: Tensor,
        x0: Tensor | None = None,
        *,
        labels: Any = None,
        standardize: bool | Units = True,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """What ``fit`` does before its first step: units, source, and a fresh ``net`` in training mode.

        For a training loop of one's own around :meth:`loss`; arguments and errors are those of :meth:`fit`.
        """
        x1 = as_points("fit", "x1", x1, dim=self.dim, at_least=2)
        x0 = None if x0 is None else as_points("fit", "x0", x0, dim=self.dim).to(x1)
        self.n_labels = 0 if labels is None else int(as_labels("fit", labels, len(x1)).max()) + 1
        if self.n_labels and self.coupling != "independent":
            raise ValueError(
                'fit: labels need coupling="independent": pairs that are made without looking at the labels give each '
                "class another source than sample draws from."
            )
        given = self._given
        if isinstance(given, FourierNet) and given.n_labels != self.n_labels:
            raise ValueError(f"fit: labels name {self.n_labels} classes, but net was made for {given.n_labels}.")
        given = FourierNet(self.dim, n_labels=self.n_labels, generator=generator) if given is None else given
        net, learned = to_train(given)
        for parameter in learned:
            parameter.requires_grad_(True)
        self.net, self._x0, self._like, self._labels = net.to(x1.device), x0, x1.new_empty(0), None
        self._units = (Units.of(x1, x0) if standardize else None) if isinstance(standardize, bool) else standardize
        self._ready(x1, x0, verbose)
        return self

    def loss(
        self, x1: Tensor, x0: Tensor | None = None, *, labels: Any = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """``E |v(x_t, t) - d/dt x_t|^2`` of one batch, in mapped coordinates: what ``fit`` minimises, differentiable.

        Args:
            x1: a batch of data ``(n, d)``.
            x0: as many starts, which the coupling pairs with them; None for N(0, I), or for rows of the source sample
                of :meth:`prepare`.
            labels: classes ``(n,)``, of a flow with labels.
            generator: source of the noise and of the times.

        Raises:
            RuntimeError: no network yet.
            TypeError, ValueError: as :meth:`fit`; pairs matched before the training, without ``x0``.
        """
        self._network()
        x1 = as_points("loss", "x1", x1, dim=self.dim)
        if x0 is None and self._x0 is not None and self.coupling != "paired":
            x0 = draw_source(self._x0, x1, len(x1), generator)
        if x0 is not None or self.coupling == "paired":
            x0 = as_points("loss", "x0", x1[:0] if x0 is None else x0, dim=self.dim, at_least=len(x1)).to(x1)
        if self.n_labels and labels is None:
            raise ValueError(f"loss: this flow has {self.n_labels} classes: give those of the batch, labels=....")
        if labels is not None:
            labels = as_labels("loss", labels, len(x1), self.n_labels).to(x1.device)
        x0, x1 = self._codes(x0, x1)
        x0 = draw_source(None, x1, len(x1), generator) if x0 is None else x0
        return self._distance(*coupled("loss", checked_coupling("loss", self.coupling), x0, x1), labels, generator)

    def given(self, labels: Any) -> Self:
        """This flow for one class, or for a class of each row ``(n,)``: a copy that shares the network.

        Of one class it is a flow as any other, with samples, densities and students of its own.

        Raises:
            TypeError, ValueError: a flow without labels, or labels that it was not fitted with.
        """
        flow = copy.copy(self)
        flow._labels = as_labels("given", labels, None, self.n_labels).to(like_weights(self._network()).device)
        return flow

    def velocity(self, x: Tensor, t: Any, *, labels: Any = None) -> Tensor:
        """``v(x, t)``, ``(n, d)``; arguments and errors are those of :meth:`Flow.velocity`.

        Args:
            x, t: points and times.
            labels: a class, or one for each point, as of :meth:`given`.
        """
        return super().velocity(x, t) if labels is None else self.given(labels).velocity(x, t)

    def sample(
        self,
        n: int,
        *,
        solver: str = "midpoint",
        steps: int = 8,
        tolerance: float = 1e-4,
        generator: torch.Generator | None = None,
        labels: Any = None,
    ) -> Tensor:
        """``n`` samples of the law at t = 1, ``(n, d)``: the source, transported.

        Args:
            n: how many.
            solver, steps, tolerance, generator: as of :meth:`Flow.sample`.
            labels: a class, or one for each sample, ``(n,)``, as of :meth:`given`.
        """
        flow = self if labels is None else self.given(labels)
        x = Flow.sample(flow, n, solver=solver, steps=steps, tolerance=tolerance, generator=generator)
        self.nfe = flow.nfe
        return x

    def _ready(self, x1: Tensor, x0: Tensor | None, verbose: bool) -> None:
        """What a subclass looks at before a training."""

    def _codes(self, x0: Tensor | None, x1: Tensor) -> tuple[Tensor | None, Tensor]:
        """Both ends in the coordinates in which they are paired and joined, in the network's dtype."""
        like = like_weights(self._network())
        if (units := self._units) is not None:
            x0, x1 = None if x0 is None else units.into(x0, 0.0), units.into(x1, 1.0)
        return None if x0 is None else x0.to(like), x1.to(like)

    def _path(self, x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Point and rate of paths between such ends, in mapped coordinates."""
        return linear_path(x0, x1, t)

    def _distance(self, x0: Tensor, x1: Tensor, labels: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """The mean square that is minimised, of these pairs at random times."""
        t = rand((len(x1), 1), x1, generator)
        x_t, u = self._path(x0, x1, t)
        return (self._answer(self._network(), x_t, t, labels) - u).square().sum(dim=1).mean()

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        net = self._network()
        if self.n_labels and self._labels is None:
            raise ValueError(f"FlowMatching: this flow has {self.n_labels} classes: say which, as flow.given(0).")
        like = like_weights(net)
        return self._answer(net, x.to(like.dtype), t.to(like.dtype), self._labels).to(x.dtype)

    def _network(self) -> nn.Module:
        if self.net is None:
            raise RuntimeError("FlowMatching: there is no velocity yet. Call fit(x1) first.")
        return self.net

    @staticmethod
    def _answer(net: nn.Module, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """``net(x, t)``, which must be ``(n, d)``: another shape would be broadcast, and train."""
        if labels is not None and labels.ndim and len(labels) != len(x):
            raise ValueError(f"FlowMatching: there are {len(labels)} labels for {len(x)} points; give one for each.")
        v = net(x, t) if labels is None else net(x, t, labels)
        refuse_shape("FlowMatching", "what net returned", v, tuple(x.shape), ", one velocity a point")
        return v

    def save(self, path: str | Path) -> None:
        """Write the flow to a safetensors file: network and sizes, the coupling's name, units, and the source.

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
        self.coupling, self.n_labels = config["coupling"], self.net.n_labels
        self._restore_source(tensors)
        return self

    def __repr__(self) -> str:
        state = "not fitted" if self.net is None else self.training or "network given"
        coupling = self.coupling if isinstance(self.coupling, str) else "custom"
        return f"FlowMatching(dim {self.dim}, {coupling} coupling, {state})"
