"""CurvedInterpolant: a flow on the paths of an interpolant, which bend so that the flow need not."""

import copy
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from koopteach.files import load_weights, part
from koopteach.flow_matching import FlowMatching
from koopteach.flow_matching.net import like_weights
from koopteach.flow_matching.paths import Coupling, draw_source
from koopteach.interpolants.descent import Descent
from koopteach.interpolants.diagnosis import COMPARED, collapse, empty_step, source_report
from koopteach.interpolants.files import built, class_names
from koopteach.interpolants.interpolant import Interpolant, check_interpolant
from koopteach.interpolants.schedules import Schedule
from koopteach.tensors import as_points

_CHECKED = 64


class CurvedInterpolant(FlowMatching):
    """Flow matching on the paths of an interpolant, which bend so that the flow need not.

    The velocity minimises ``E |v(x_t, t) - d/dt I_t(x0, x1)|^2``. With independent pairs a straight flow *requires*
    bent paths, ``E[x_tt . x_t] = -E tr Cov(u | x_t)``. The interpolant comes ready: a schedule by its formula, of least
    energy (:func:`geodesic_schedule`) or after a descent (:func:`straighten`); a :class:`ConvexChart` of fitted maps;
    or one of your own. A schedule joins the ends in columns of unit spread, as :class:`FlowMatching` does. Any other
    interpolant knows the data's own units and joins them there; its network alone sees columns of unit spread.

    Args:
        interpolant: the paths; :meth:`fit` works with a copy, in the data's dtype.
        coupling: as of :class:`FlowMatching`, between the latent coordinates where a chart has some.
        net: as of :class:`FlowMatching`.

    Attributes:
        interpolant: the paths.
        training: the record of the flow's training.

    Raises:
        TypeError: something else than an :class:`Interpolant`.
        ValueError: another coupling.

    Source: Shankar and Geffner 2025, arXiv 2503.20719; the charts are ours.

    Example:
        >>> import koopteach as kt, torch
        >>> x1 = kt.moons.sample(200, torch.Generator().manual_seed(0))
        >>> flow = kt.CurvedInterpolant(kt.TrigonometricInterpolant(2), net=kt.FourierNet(2, width=8))
        >>> flow.fit(x1, n_steps=20, batch=64, verbose=False)
        CurvedInterpolant(TrigonometricInterpolant, FlowMatching(dim 2, independent coupling, Training(20 steps)))
        >>> flow.sample(5, solver="euler", steps=4).shape
        torch.Size([5, 2])
    """

    def __init__(
        self, interpolant: Interpolant, *, coupling: str | Coupling = "independent", net: nn.Module | None = None
    ) -> None:
        if not isinstance(interpolant, Interpolant):
            raise TypeError(f"CurvedInterpolant: interpolant must be an Interpolant, got {interpolant!r:.60}.")
        super().__init__(interpolant.dim, coupling=coupling, net=net)
        self.interpolant = self._paths = interpolant

    def _ready(self, x1: Tensor, x0: Tensor | None, verbose: bool) -> None:
        """Refuse a wrong interpolant, and say where the noise is not the one it needs."""
        self._paths = copy.deepcopy(self.interpolant).to(like_weights(self._network()))
        paths, n = copy.deepcopy(self.interpolant).to(x1), min(_CHECKED, len(x1))
        stream = torch.Generator().manual_seed(0)
        noise, data = super()._codes(x0, x1) if isinstance(paths, Schedule) else (x0, x1)
        some = draw_source(data, x1, n, stream).to(x1)
        check_interpolant(paths, draw_source(noise, x1, n, stream).to(x1), some)
        for line in source_report(paths, x0) if verbose else ():
            print(f"fit: {line}")

    def _codes(self, x0: Tensor | None, x1: Tensor) -> tuple[Tensor | None, Tensor]:
        """Both ends in the coordinates in which the interpolant joins them, of the data's precision."""
        if isinstance(self.interpolant, Schedule):
            return super()._codes(x0, x1)
        paths, like = copy.deepcopy(self.interpolant).to(x1), like_weights(self._network())
        return None if x0 is None else paths.code0(x0).to(like), paths.code1(x1).to(like)

    def _path(self, x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            x_t, rate = self._paths.path(x0, x1, t)
        if self._units is None or isinstance(self.interpolant, Schedule):
            return x_t, rate
        u = self._units.into(x_t, t)
        return u, self._units.rate_into(u, rate, t)

    def diagnose(
        self, x1: Tensor, *, descent: Descent | None = None, generator: torch.Generator | None = None
    ) -> list[str]:
        """One line for each way in which this flow only seems to be straight; none where nothing is wrong.

        Args:
            x1: data ``(n, d)``; at most 2,000 of them are compared.
            descent: what :func:`straighten` returned for the interpolant, where it was trained so.
            generator: source of the draws.

        Raises:
            ValueError: NaN, another dimension, fewer than two points.
            RuntimeError: not fitted.
        """
        x1 = as_points("diagnose", "x1", x1, dim=self.dim, at_least=2)
        noise = self.source(COMPARED, generator).to(x1)
        report = [] if descent is None else [*descent.report, *collapse(self, descent, noise)]
        return report + empty_step(self, x1, noise)

    def _contents(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        config, tensors = super()._contents()
        numbers = {f"interpolant.{name}": tensor for name, tensor in self.interpolant.state_dict().items()}
        return {**config, "interpolant": class_names(self.interpolant)}, {**tensors, **numbers}

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The flow of a file that ``save`` wrote, its interpolant with it; runs no code of the file.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind.
        """
        config, tensors = load_weights(path, cls.__name__)
        return cls(built(config, part(tensors, "interpolant"), path))._restore(config, tensors, path)

    def __repr__(self) -> str:
        return f"CurvedInterpolant({type(self.interpolant).__name__}, {super().__repr__()})"
