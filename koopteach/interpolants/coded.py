"""Flows between codes of noise and data: a convex map makes the jumps between modes, the flow the small rest."""

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from koopteach.files import fill, load_weights, part, save_weights
from koopteach.flow_matching import Flow, FlowMatching
from koopteach.flow_matching.density import LogDensity
from koopteach.flow_matching.paths import LOCAL_PAIRS, Coupling
from koopteach.interpolants.convex import ConvexMap
from koopteach.interpolants.diagnosis import COMPARED, empty_step
from koopteach.tensors import as_points, jvp, randn


class CodedFlow(Flow):
    """What :class:`DecodedFlow` and :class:`PushedFlow` share: flow matching between the codes of both ends.

    ``T1`` carries N(0, I) to the data, ``T0`` to the noise, and ``z0 = T0^{-1}(x0)``. The paths start at ``T1(z0)`` and
    not at ``x0``: as a sampler a flow loses nothing by that. With a map of the noise Newton's method finds ``z0``, at
    the price of a few evaluations of a network; without, ``z0 = x0``.

    Args:
        to_data: ``T1``, of :func:`fit_convex_map`.
        to_noise: ``T0``; None for the identity, where the noise is N(0, I).
        coupling, net: as of :class:`FlowMatching`, for the flow between the codes.

    Attributes:
        between: the :class:`FlowMatching` from the noise's codes to the data's.

    Raises:
        ValueError: maps of unequal dimensions, another coupling.
    """

    def __init__(
        self,
        to_data: ConvexMap,
        to_noise: ConvexMap | None = None,
        *,
        coupling: str | Coupling = "local",
        net: nn.Module | None = None,
    ) -> None:
        if to_noise is not None and to_noise.dim != to_data.dim:
            raise ValueError(f"{type(self).__name__}: to_data has dimension {to_data.dim}, to_noise {to_noise.dim}.")
        self.dim, self.to_data, self.to_noise = to_data.dim, to_data, to_noise
        self.between = FlowMatching(self.dim, coupling=coupling, net=net)

    def fit(
        self, x1: Tensor, x0: Tensor | None = None, *, generator: torch.Generator | None = None, **options: Any
    ) -> Self:
        """Learn the flow between the codes; a second call starts anew.

        Args:
            x1: data ``(n, d)``, of about unit variance.
            x0: samples ``(m, d)`` of the noise; None for N(0, I).
            generator, options: as of :meth:`FlowMatching.fit`.

        Raises:
            TypeError, ValueError: as :meth:`FlowMatching.fit`, or a map of the noise without its samples.
        """
        x1 = as_points("fit", "x1", x1, dim=self.dim, at_least=2)
        x0 = None if x0 is None else as_points("fit", "x0", x0, dim=self.dim).to(x1)
        if x0 is None and self.to_noise is not None:
            raise ValueError("fit: there is a map of the noise, which then is not N(0, I): its samples x0 are needed.")
        self.between.fit(self.data_code(x1), self._sources(x0, x1, generator), generator=generator, **options)
        self.between._x0 = None  # starts are codes of this flow's own source
        self._x0, self._like = x0, x1.new_empty(0)
        return self

    def noise_code(self, x0: Tensor) -> Tensor:
        """Where the flow between the codes starts for noise ``x0``, ``(n, d)``."""
        raise NotImplementedError

    def data_code(self, x1: Tensor) -> Tensor:
        """The codes of points ``x1``, ``(n, d)``."""
        return self._coded(x1)[0]

    def decode(self, code: Tensor) -> Tensor:
        """The points with these codes, ``(..., d)``: the inverse of :meth:`data_code`."""
        raise NotImplementedError

    def latent(self, x0: Tensor) -> Tensor:
        """``z0 = T0^{-1}(x0)``, ``(n, d)``."""
        return x0 if self.to_noise is None else self.to_noise.inverse(x0)[0]

    def _coded(self, x1: Tensor) -> tuple[Tensor, Tensor]:
        """The codes of points, and ``log |det dcode / dx1|``, ``(n,)``."""
        raise NotImplementedError

    def _start(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """The ``z0`` whose flow starts at this code, and ``log |det dz0 / dcode|``, ``(n,)``."""
        raise NotImplementedError

    def _sources(self, x0: Tensor | None, like: Tensor, generator: torch.Generator | None) -> Tensor | None:
        """Codes of the noise; None where they are N(0, I)."""
        return None if x0 is None else self.noise_code(x0)

    def _solve(self, who: str, name: str, x: Tensor, times: tuple, **how: Any) -> Tensor:
        x = as_points(who, name, x, dim=self.dim)
        start = self.noise_code(x) if times[0] == 0 else self.data_code(x)
        codes = self.between._carry(start, times, **how)
        self.nfe, states = self.between.nfe, self.decode(codes)
        if times[-1] > 0 or len(times) == 1:
            return states
        z0 = self._start(codes[-1])[0]
        return torch.cat([states[:-1], (z0 if self.to_noise is None else self.to_noise(z0))[None]])

    def log_prob(self, x: Tensor, *, source: LogDensity | None = None, **how: Any) -> Tensor:
        """Log density ``(n,)`` of the flow's samples at points ``(n, d)``: the one between the codes, and the maps'.

        Args:
            x: points ``(n, d)``.
            source: log density of the noise; None for N(0, I).
            how: the other arguments of :meth:`Flow.log_prob`, which also names the errors.
        """
        source, x = self._known_source(source), as_points("log_prob", "x", x, dim=self.dim)

        def of_code(code: Tensor) -> Tensor:
            z, stretch = self._start(code)
            if self.to_noise is None:
                return source(z) + stretch
            noise = self.to_noise(z)
            return source(noise) - self.to_noise.inverse(noise, z)[1] + stretch

        with torch.no_grad():
            code, stretch = self._coded(x)
            return self.between.log_prob(code, source=of_code, **how) + stretch

    def diagnose(self, x1: Tensor, *, generator: torch.Generator | None = None) -> list[str]:
        """A line where one Euler step brings the noise no nearer to data ``x1`` ``(n, d)``; else none.

        Raises:
            ValueError: NaN, another dimension, fewer than two points.
            RuntimeError: not fitted.
        """
        x1 = as_points("diagnose", "x1", x1, dim=self.dim, at_least=2)
        return empty_step(self, x1, self.source(COMPARED, generator).to(x1))

    def save(self, path: str | Path) -> None:
        """Write the flow and its maps to a safetensors file.

        Raises:
            RuntimeError: not fitted, or a network other than :class:`FourierNet`.
        """
        config, tensors = self.between._contents()
        for name, convex in (("map", self.to_data), ("noise map", self.to_noise)):
            if convex is not None:
                tensors |= {f"{name}.{key}": tensor for key, tensor in convex.state_dict().items()}
        save_weights(path, type(self).__name__, config, tensors | self._source_tensors())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The flow of a file that :meth:`save` wrote; runs no code of the file.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind.
        """
        config, tensors = load_weights(path, cls.__name__)
        found = [part(tensors, name) for name in ("map", "noise map")]
        flow = cls(*(fill(ConvexMap(numbers["centres"]), numbers, path) for numbers in found if numbers))
        flow.between._restore(config, tensors, path)
        flow.between._x0 = None
        flow._restore_source(tensors)
        flow._units = None  # they are those between the codes
        return flow

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'one map' if self.to_noise is None else 'two maps'}, {self.between!r})"


class DecodedFlow(CodedFlow):
    """``x_t = T1((1 - t) z0 + t z1)`` with ``z1 = T1^{-1}(x1)``: the map at full strength at all times.

    The flow runs in the latent coordinates, ``k`` Euler steps there and ``T1`` once at the end. What it does wrong is
    magnified where ``T1`` is steep.

    Args:
        to_data: ``T1``, of :func:`fit_convex_map`.
        to_noise: ``T0``, a map from N(0, I) to the noise; None where that is N(0, I) itself.
        coupling, net: as of :class:`FlowMatching`, for the flow between ``z0`` and ``z1``.

    Attributes:
        between: that flow.

    Raises:
        ValueError: maps of unequal dimensions, another coupling.

    Example:
        >>> import koopteach as kt, torch
        >>> x1 = kt.moons.sample(500, torch.Generator().manual_seed(0))
        >>> T = kt.fit_convex_map(x1, n_centres=8, pair_steps=0, likelihood_steps=5, verbose=False)
        >>> flow = kt.DecodedFlow(T, coupling="independent", net=kt.FourierNet(2, width=8))
        >>> flow = flow.fit(x1, n_steps=5, verbose=False)
        >>> x = flow.sample(4, solver="euler", steps=1)
        >>> bool(torch.allclose(flow.decode(flow.data_code(x)), x)), flow.nfe
        (True, 1)
    """

    def noise_code(self, x0: Tensor) -> Tensor:
        """``z0``."""
        return self.latent(x0)

    def decode(self, code: Tensor) -> Tensor:
        """``T1(code)``."""
        return self.to_data(code)

    def _coded(self, x1: Tensor) -> tuple[Tensor, Tensor]:
        return self.to_data.inverse(x1)

    def _start(self, code: Tensor) -> tuple[Tensor, Tensor]:
        return code, code.new_zeros(len(code))

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        z = self.data_code(x)
        return jvp(self.to_data, (z,), (self.between._field(z, t),))[1]


class PushedFlow(CodedFlow):
    """``x_t = (1 - t) T1(z0) + t x1``: the maps push the noise next to the data, and the flow does the rest there.

    ``T1`` comes first, once, then ``k`` Euler steps among the points: whatever law ``T1`` makes, the flow is matched to
    carry that one to the data, and nothing magnifies its errors. Best at few steps.

    Args:
        to_data: ``T1``, of :func:`fit_convex_map`.
        to_noise: ``T0``, a map from N(0, I) to the noise; None where that is N(0, I) itself.
        coupling, net: as of :class:`FlowMatching`, for the flow between ``T1(z0)`` and the data.

    Attributes:
        between: that flow.

    Raises:
        ValueError: maps of unequal dimensions, another coupling.

    Example:
        >>> import koopteach as kt, torch
        >>> x1 = kt.moons.sample(500, torch.Generator().manual_seed(0))
        >>> T = kt.fit_convex_map(x1, n_centres=8, pair_steps=0, likelihood_steps=5, verbose=False)
        >>> flow = kt.PushedFlow(T, coupling="independent", net=kt.FourierNet(2, width=8))
        >>> flow = flow.fit(x1, n_steps=5, verbose=False)
        >>> noise = torch.zeros(3, 2, dtype=x1.dtype)
        >>> bool(torch.allclose(flow.trajectory(noise, [0.0, 1.0])[0], T(noise)))  # they start at T, not at the noise
        True
    """

    def noise_code(self, x0: Tensor) -> Tensor:
        """``T1(z0)``."""
        return self.to_data(self.latent(x0))

    def decode(self, code: Tensor) -> Tensor:
        """The code itself."""
        return code

    def _coded(self, x1: Tensor) -> tuple[Tensor, Tensor]:
        return x1, x1.new_zeros(len(x1))

    def _start(self, code: Tensor) -> tuple[Tensor, Tensor]:
        return self.to_data.inverse(code)

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        return self.between._field(x, t)

    def _sources(self, x0: Tensor | None, like: Tensor, generator: torch.Generator | None) -> Tensor:
        return self.noise_code(randn((LOCAL_PAIRS, self.dim), like, generator) if x0 is None else x0)
