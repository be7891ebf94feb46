"""CurvedInterpolant: choose an interpolant so that its flow is straight, then match that flow."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from koopteach.files import fill, load_weights, save_weights
from koopteach.flow_matching import FlowMatching, FourierNet, straightness
from koopteach.flow_matching.paths import LOCAL_PAIRS, Coupling, Pairs
from koopteach.interpolants.charts import CodedChart
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.descent import Descent
from koopteach.interpolants.families import CODED, FAMILIES, Task
from koopteach.interpolants.field import LogProb
from koopteach.interpolants.protocol import Interpolant, check_interpolant
from koopteach.metrics import noise_floor, sliced_wasserstein2
from koopteach.tensors import as_points, rand, randn

_CHECKED, _COMPARED = 64, 2000


class CurvedInterpolant(FlowMatching):
    """Flow matching on a learned interpolant, whose conditional paths bend so that the flow need not.

    The interpolant is fitted first; then the velocity minimises ``E |v(x_t, t) - d/dt I_t(x0, x1)|^2``. With
    independent pairs a straight flow *requires* bent paths, ``E[x_tt . x_t] = -E tr Cov(u | x_t)``.

    Args:
        dim: coordinates of a point.
        family: ``"convex_chart"`` (one, or two where the noise is not N(0, I)), ``"pushed_chart"`` (best at few steps;
            its paths start at T(x0)), ``"decoded_chart"`` (so do its, and they run before T), ``"linear"``,
            ``"trigonometric"``, ``"geodesic"``, ``"gaussian"``, or, trained by descent on the acceleration,
            ``"schedule"``, ``"matrix"``, ``"conditional_affine"``, ``"conditional_coupling"``, ``"chart"``; or an
            :class:`Interpolant`, taken as it is.
        coupling: as of :class:`FlowMatching`, but in the chart's latent coordinates where the family has some; None
            for ``"independent"``, and ``"local"`` for the decoded and the pushed chart.
        net: as of :class:`FlowMatching`.

    Attributes:
        interpolant: the fitted family.
        descent: what the descent on the acceleration reached; None for families that are fitted otherwise.
        training: the record of the flow's training.

    Raises:
        ValueError: another family, or one of another dimension.

    Source: Shankar and Geffner 2025, arXiv 2503.20719; the charts are ours.
    """

    def __init__(
        self,
        dim: int,
        *,
        family: str | Interpolant = "convex_chart",
        coupling: str | Coupling | None = None,
        net: nn.Module | None = None,
    ) -> None:
        if not isinstance(family, Interpolant) and family not in FAMILIES:
            raise ValueError(
                f"CurvedInterpolant: family must be an Interpolant or one of {', '.join(FAMILIES)}, got {family!r}."
            )
        given = isinstance(family, Interpolant)
        if given and family.dim != dim:
            raise ValueError(f"CurvedInterpolant: dim is {dim}, but the family has dimension {family.dim}.")
        if coupling is None:
            coded = family in CODED if isinstance(family, str) else isinstance(family, CodedChart)
            coupling = "local" if coded else "independent"
        super().__init__(dim, coupling=coupling, net=net)
        self.family = family
        self.interpolant: Interpolant | None = family if given else None
        self.descent: Descent | None = None

    def fit(
        self,
        x1: Tensor,
        x0: Tensor | None = None,
        *,
        log_prob: LogProb | None = None,
        n_steps: int = 4000,
        batch: int | None = None,
        lr: float = 2e-3,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """Fit the interpolant and then the flow; a second call goes on with the interpolant and network of the first.

        Args:
            x1: data ``(n, d)``, of about unit variance.
            x0: samples ``(m, d)`` of the noise; None for N(0, I).
            log_prob: log density of the noise; the analytic field needs it with ``x0``.
            n_steps, batch, lr, generator, verbose: as of :meth:`FlowMatching.fit`.

        Raises:
            ValueError: points that are not ``(n, dim)`` and finite, fewer than two, a family whose ends, inverse or
                determinant are wrong, and what ``FlowMatching.fit`` and :func:`straighten` raise.
        """
        x1 = as_points("fit", "x1", x1, dim=self.dim, at_least=2)
        x0 = x0 if x0 is None else as_points("fit", "x0", x0, dim=self.dim, at_least=2).to(x1)
        if self.interpolant is None:
            task = Task(x1, x0, log_prob, self.coupling == "independent", generator, verbose)
            self.interpolant, self.descent = FAMILIES[self.family](task)
        interpolant = self.interpolant.to(x1)
        pairs = Pairs("fit", x1, x0, "independent").draw(min(_CHECKED, len(x1)), torch.Generator().manual_seed(0))
        check_interpolant(interpolant, *pairs)
        if verbose:
            for line in source_report(interpolant, x0):
                print(f"fit: {line}")
        self._path = copy.deepcopy(interpolant).float()
        sources = randn((LOCAL_PAIRS, self.dim), x1, generator) if x0 is None and interpolant.moves_source else x0
        codes = interpolant.code1(x1), None if sources is None else interpolant.code0(sources)
        super().fit(*codes, n_steps=n_steps, batch=batch, lr=lr, generator=generator, verbose=verbose)
        self._x0 = x0
        return self

    def _batch(self, pairs: Pairs, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        code0, code1 = pairs.draw(n, generator)
        t = rand((n, 1), code1, generator)
        with torch.no_grad():
            x_t, u = self._path.path(code0, code1, t)
        return x_t.to(code1), t, u.to(code1)

    def diagnose(self, x1: Tensor, *, generator: torch.Generator | None = None) -> list[str]:
        """One line for each way in which this flow only seems to be straight; none where nothing is wrong.

        Args:
            x1: data ``(n, d)``; at most 2,000 of them are compared.
            generator: source of the draws.

        Raises:
            ValueError: NaN, another dimension, fewer than two points.
            RuntimeError: not fitted.
        """
        x1 = as_points("diagnose", "x1", x1, dim=self.dim, at_least=2)
        data, noise = x1[:_COMPARED], self.source(_COMPARED, generator).to(x1)
        report = list(self.descent.report) if self.descent is not None else []
        one_step = sliced_wasserstein2(self.transport(noise, solver="euler", steps=1), data)
        if one_step >= 0.8 * sliced_wasserstein2(noise, data):
            report.append("one step returns the noise, or nothing nearer to the data")
        if self.descent is not None:
            report += self._collapse(noise[:500])
        return report

    def _collapse(self, noise: Tensor) -> list[str]:
        """Wirtinger: ``S E|D|^2 <= A / pi^2``; an ``A`` far below that was measured with collapsed weights."""
        found = straightness(self, noise)
        seen = self.descent.two_pools
        if found.deviation * found.displacement <= 2 * max(seen, 0.0) / math.pi**2:
            return []
        return [f"A = {seen:.3g} but S = {found.deviation:.3g}: collapsed weights"]

    # ---- a coded chart's flow runs between its codes

    @property
    def _coded(self) -> bool:
        return isinstance(self.interpolant, CodedChart)

    def _chart(self, x: Tensor) -> CodedChart:
        """The chart in the points' dtype; the one that was fitted stays as it is."""
        same = self.interpolant.to_data.centres
        same = same.dtype == x.dtype and same.device == x.device
        return self.interpolant if same else copy.deepcopy(self.interpolant).to(x)

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        if not self._coded:
            return super()._velocity(x, t)
        chart = self._chart(x)
        z = chart.code1(x)
        return chart._pushed(z, super()._velocity(z, t), t)[1]

    def _solve(self, who: str, name: str, x: Tensor, times: tuple, solver: str, steps: int, tolerance: float) -> Tensor:
        if not self._coded:
            return super()._solve(who, name, x, times, solver, steps, tolerance)
        x = as_points(who, name, x, dim=self.dim)
        chart, inner = self._chart(x), FlowMatching(self.dim, net=self.net)
        start = chart.code0(x) if times[0] == 0 else chart.code1(x)
        codes = inner._solve(who, name, start, times, solver, steps, tolerance)
        self.nfe = inner.nfe
        points, back = chart.push(codes, codes[..., :1]), times[-1] < times[0] and times[-1] == 0
        return torch.cat([points[:-1], chart._source(codes[-1:])[0]]) if back else points

    def save(self, path: str | Path) -> None:
        """Write the flow to a safetensors file, a coded chart's maps inside; other interpolants end with training.

        Raises:
            RuntimeError: not fitted, or a network other than :class:`FourierNet`.
        """
        if not isinstance(self.net, FourierNet):
            raise RuntimeError("save: only a fitted CurvedInterpolant with the FourierNet of the package can be saved.")
        maps = {"map": self.interpolant.to_data, "noise map": self.interpolant.to_noise} if self._coded else {}
        parts = {"net": self.net, **{part: module for part, module in maps.items() if module is not None}}
        tensors = {f"{part}.{name}": x for part, module in parts.items() for name, x in module.state_dict().items()}
        if self._x0 is not None:
            tensors["x0"] = self._x0
        coded = next((name for name, chart in CODED.items() if type(self.interpolant) is chart), "linear")
        family = self.family if isinstance(self.family, str) else coded
        coupling = self.coupling if isinstance(self.coupling, str) else "independent"
        config = {"family": family, "coupling": coupling, "net": self.net.config}
        save_weights(path, type(self).__name__, config, tensors)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The flow of a file that :meth:`save` wrote; it transports, but knows no interpolant except a coded chart.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind.
        """
        config, tensors = load_weights(path, cls.__name__)
        x0 = tensors.pop("x0", None)
        parts: dict[str, dict[str, Tensor]] = {"net": {}, "map": {}, "noise map": {}}
        for name, tensor in tensors.items():
            part, inner = name.split(".", 1)
            parts[part][inner] = tensor
        net = FourierNet(**config["net"])
        flow = cls(net.dim, family=config["family"], coupling=config["coupling"], net=fill(net, parts["net"], path))
        maps = [
            fill(ConvexMap(parts[part]["centres"]), parts[part], path) for part in ("map", "noise map") if parts[part]
        ]
        if maps:
            flow.interpolant = CODED[config["family"]](*maps)
        flow._x0, flow._like = x0, flow._like if x0 is None else x0.new_empty(0)
        return flow

    def __repr__(self) -> str:
        family = self.family if isinstance(self.family, str) else type(self.family).__name__
        state = "not fitted" if self.net is None else repr(self.training or "network given")
        return f"CurvedInterpolant(dim {self.dim}, {family}, {self.coupling} coupling, {state})"


def source_report(interpolant: Interpolant, x0: Tensor | None) -> list[str]:
    """A line where the family needs N(0, I) and the noise is something else."""
    if x0 is None or not interpolant.gaussian_source:
        return []
    generator = torch.Generator().manual_seed(0)
    some = x0[:_COMPARED]
    normal = randn(tuple(some.shape), some, generator)
    floor, spread = noise_floor(
        sliced_wasserstein2,
        lambda n, stream: randn((n, some.shape[1]), some, stream),
        len(some),
        reference=normal,
        repeats=5,
        generator=generator,
    )
    if sliced_wasserstein2(some, normal) <= floor + 5 * spread + 0.02:
        return []
    return ["the rotation needs Gaussian noise; use two charts"]
