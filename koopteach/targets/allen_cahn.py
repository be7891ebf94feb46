"""The stochastic Allen-Cahn equation on an interval: stepping by cosine transforms, and its invariant law exactly."""

import math

import torch
from torch import Tensor

from koopteach.tensors import Movable, as_coefficients, as_count, as_number, as_points, chunks, positive, rand, randn

# The law of a field is a product of factors, of single values and of neighbours' differences; sums over a grid of a
# quarter of the narrower one's width are exact to rounding.
_CELLS_PER_WIDTH = 4


def cosine_transform(u: Tensor) -> Tensor:
    """Orthonormal discrete cosine transform (DCT-II) of the last axis, by an FFT of the mirrored field."""
    n = u.shape[-1]
    spectrum = torch.fft.rfft(torch.cat([u, u.flip(-1)], dim=-1))[..., :n]
    turned = (spectrum * _half_turns(n, u).conj()).real
    return turned * _normalisation(n, u)


def inverse_cosine_transform(c: Tensor) -> Tensor:
    """The inverse, which is also the transpose, of :func:`cosine_transform`."""
    n = c.shape[-1]
    spectrum = c / _normalisation(n, c) * _half_turns(n, c)
    return torch.fft.irfft(torch.cat([spectrum, torch.zeros_like(spectrum[..., :1])], dim=-1), n=2 * n)[..., :n]


def _half_turns(n: int, like: Tensor) -> Tensor:
    angle = torch.arange(n, dtype=like.dtype, device=like.device) * (math.pi / (2 * n))
    return torch.polar(torch.ones_like(angle), angle)


def _normalisation(n: int, like: Tensor) -> Tensor:
    scale = torch.full((n,), 1 / math.sqrt(2 * n), dtype=like.dtype, device=like.device)
    scale[0] = 1 / (2 * math.sqrt(n))
    return scale


class AllenCahn(Movable):
    """Stochastic Allen-Cahn equation on ``[0, length]`` with free (Neumann) ends and space-time white noise.

        du = (kappa u_xx + growth u - cubic u^3) dt + sqrt(2 temperature) dW(x, t)

    Fields are values at the midpoints of ``n_points`` cells of width ``dx = length / n_points``. In their cosine modes
    ``c_k`` the discrete Laplacian is diagonal and the equation is

        dc_k = (-a_k c_k - cubic (u^3)_k) dt + sqrt(2 temperature / dx) dB_k,
        a_k  = kappa (2/dx sin(pi k / 2 n_points))^2 - growth.

    It is the gradient flow of an energy, so that its invariant law is known up to a factor:

        pi(u) ~ exp(-H(u) / temperature),   H = dx sum_j [kappa/2 ((u_{j+1} - u_j)/dx)^2 - growth/2 u^2 + cubic/4 u^4].

    Time ``t`` of the equation is ``t temperature / dx`` in the clock of ``dX = grad log pi dt + sqrt(2) dW``.

    Args:
        n_points: of the grid, at least two; the ``dim`` of a field.
        kappa: stiffness of the field. A wall between the phases +1 and -1 is about ``sqrt(8 kappa)`` wide.
        temperature: of the noise.
        growth, cubic: of the reaction. ``growth < 0, cubic = 0`` is linear, an Ornstein-Uhlenbeck process whose modes
            have the variances ``temperature / (dx a_k)``.
        length: of the interval.

    Raises:
        ValueError: a number out of range, or a reaction that lets fields escape to infinity.

    >>> import torch
    >>> import koopteach as kt
    >>> model = kt.AllenCahn(32, temperature=0.02)
    >>> u = model.sample(500, torch.Generator().manual_seed(0))
    >>> tuple(u.shape), max(model.stationarity(u).values()) < 4
    ((500, 32), True)

    Source: Faris and Jona-Lasinio 1982 for the equation and its law.
    """

    def __init__(
        self,
        n_points: int = 64,
        *,
        kappa: float = 0.01,
        temperature: float = 0.04,
        growth: float = 1.0,
        cubic: float = 1.0,
        length: float = 1.0,
    ) -> None:
        n_points = as_count("AllenCahn", "n_points", n_points, at_least=2)
        sizes = {"kappa": kappa, "temperature": temperature, "length": length}
        self.kappa, self.temperature, self.length = (positive("AllenCahn", name, size) for name, size in sizes.items())
        growth, cubic = as_number("AllenCahn", "growth", growth), as_number("AllenCahn", "cubic", cubic)
        if not (0 <= cubic < math.inf and math.isfinite(growth) and (cubic > 0 or growth < 0)):
            raise ValueError(
                f"AllenCahn: growth={growth} with cubic={cubic} lets fields escape to infinity. "
                "Take cubic > 0, or cubic = 0 with growth < 0 for the linear equation."
            )
        self.dim, self.growth, self.cubic = n_points, growth, cubic
        self.dx = self.length / n_points
        k = torch.arange(n_points, dtype=torch.float64)
        self.decay = self.kappa * (2 / self.dx * torch.sin(math.pi * k / (2 * n_points))) ** 2 - self.growth

    def __repr__(self) -> str:
        return f"AllenCahn({self.dim} points, kappa={self.kappa:g}, temperature={self.temperature:g})"

    @property
    def grid(self) -> Tensor:
        """The midpoints ``x_j``, ``(n_points,)``."""
        return self.dx * (torch.arange(self.dim).to(self.decay) + 0.5)

    def energy(self, u: Tensor) -> Tensor:
        """``H`` of each field ``(n, n_points)``, ``(n,)``."""
        u = as_points("AllenCahn.energy", "u", u, dim=self.dim)
        slope = u.diff(dim=1) / self.dx
        walls, reaction = 0.5 * self.kappa * slope.square().sum(1), self._potential(u).sum(1)
        return self.dx * (walls + reaction)

    def log_prob(self, u: Tensor) -> Tensor:
        """``-H / temperature``, ``(n,)``: the log density of the invariant law but for a constant."""
        return -self.energy(u) / self.temperature

    def score(self, u: Tensor) -> Tensor:
        """``grad log pi``, ``(n, n_points)``: the drift times ``dx / temperature``."""
        u = as_points("AllenCahn.score", "u", u, dim=self.dim)
        linear = inverse_cosine_transform(self.decay.to(u) * cosine_transform(u))
        return -(self.dx / self.temperature) * (linear + self.cubic * u**3)

    def step(self, u: Tensor, dt: float, noise: Tensor) -> Tensor:
        """One semi-implicit step: Crank-Nicolson on the linear part, explicit in the cubic one.

            (1 + a dt/2) c' = (1 - a dt/2) c - dt cubic (u^3)^ + sqrt(2 temperature dt / dx) noise

        For the linear equation its stationary law is exact at every ``dt``; the fully implicit step would make mode
        ``k`` too small by ``1 + a_k dt/2``. The cubic term brings an error of order ``dt``.

        Args:
            u: fields ``(n, n_points)``.
            dt: the step in time.
            noise: standard normal numbers like ``u``, one for each mode.

        Raises:
            ValueError: a step that is not positive, or longer than ``2 / growth``; wrong shapes.
        """
        u = as_points("AllenCahn.step", "u", u, dim=self.dim)
        self._refuse_step("AllenCahn.step", dt)
        noise = as_coefficients("AllenCahn.step", "noise", noise, tuple(u.shape), u)
        return inverse_cosine_transform(self._step(cosine_transform(u), u, dt, noise))

    def _step(self, c: Tensor, u: Tensor, dt: float, noise: Tensor) -> Tensor:
        half = 0.5 * dt * self.decay.to(c)
        moved = (1 - half) * c + math.sqrt(2 * self.temperature * dt / self.dx) * noise
        if self.cubic:
            moved = moved - dt * self.cubic * cosine_transform(u**3)
        return moved / (1 + half)

    def trajectory(
        self, u0: Tensor, *, n_steps: int, dt: float = 0.02, every: int = 1, generator: torch.Generator | None = None
    ) -> Tensor:
        """Steps of all fields at once.

        Args:
            u0: starts ``(n, n_points)``.
            n_steps: steps of length ``dt``.
            dt: as in :meth:`step`.
            every: keep each ``every``-th state.
            generator: source of the noise.

        Returns:
            ``(n_steps // every + 1, n, n_points)``, the start included.

        Raises:
            ValueError: numbers out of range, or a step so long that fields escape.
        """
        u = as_points("AllenCahn.trajectory", "u0", u0, dim=self.dim)
        self._refuse_step("AllenCahn.trajectory", dt)
        n_steps = as_count("AllenCahn.trajectory", "n_steps", n_steps, at_least=0)
        every = as_count("AllenCahn.trajectory", "every", every)
        c, states = cosine_transform(u), [u]
        for step in range(1, n_steps + 1):
            c = self._step(c, u, dt, randn(tuple(u.shape), u, generator))
            u = inverse_cosine_transform(c)
            if step % every == 0:
                states.append(u)
        if not bool(torch.isfinite(u).all()):
            raise ValueError(
                f"AllenCahn.trajectory: fields escaped to infinity with dt={dt:g}. The cubic term is explicit and "
                "needs dt well below 1 / (cubic max u^2); take a shorter dt, or a start nearer to the phases."
            )
        return torch.stack(states)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` independent fields of the invariant law itself, ``(n, n_points)``, without any dynamics.

        Along ``x`` the law is a Markov chain from neighbour to neighbour. Sums over a fine grid of values (transfer
        matrices) give its conditional laws from the last point back to the first, and drawing goes forth. The fields
        take the grid's values, a quarter of a typical difference between neighbours apart and symmetric about zero,
        which is not among them: a field has a sign everywhere, and no crossing of zero is a matter of convention.

        Raises:
            ValueError: ``n`` below one.
        """
        n = as_count("AllenCahn.sample", "n", n)
        values = self._values()
        site = torch.exp(-self.dx / self.temperature * (self._potential(values) - self._potential(values).min()))
        bond = torch.exp(-self.kappa / (2 * self.dx * self.temperature) * (values[:, None] - values) ** 2)
        messages = [site]  # weight of all that lies to the right, given the value here
        for _ in range(self.dim - 1):
            ahead = site * (bond @ messages[-1])
            messages.append(ahead / ahead.max())
        cells = [_drawn(messages.pop()[None], torch.zeros_like(rand((n,), values), dtype=torch.long), generator)]
        while messages:
            cells.append(_drawn(bond * messages.pop(), cells[-1], generator))
        return values[torch.stack(cells, dim=1)]

    def stationarity(self, u: Tensor) -> dict[str, float]:
        """How far fields are from two facts of the invariant law, in standard errors of independent fields.

        ``symmetry``: ``u`` and ``-u`` are equally likely, so the magnetisation has mean zero. ``equipartition``:
        ``E[-u . score(u)] = n_points``, by integration by parts. Fields that have settled score about one.

        Args:
            u: fields ``(n, n_points)``, independent, at least two.
        """
        u = as_points("AllenCahn.stationarity", "u", u, dim=self.dim, at_least=2)
        facts = {"symmetry": u.mean(1), "equipartition": -(u * self.score(u)).sum(1) - self.dim}
        return {
            name: float(value.mean().abs() / (value.std() / math.sqrt(len(u))).clamp_min(1e-300))
            for name, value in facts.items()
        }

    def _potential(self, u: Tensor) -> Tensor:
        return 0.25 * self.cubic * u**4 - 0.5 * self.growth * u**2

    def _values(self) -> Tensor:
        """A grid that holds all values a field may take, with steps that resolve each factor of the law.

        The values are ``+-1/2, +-3/2, ...`` steps.
        """
        phase = math.sqrt(max(0.0, self.growth) / self.cubic) if self.cubic else 0.0
        stiff, heat = self._stiffness(self.length), self.temperature
        spread = math.sqrt(heat * (1 / math.sqrt(self.kappa * stiff) + 1 / (stiff * self.length)))
        bond, site = math.sqrt(heat * self.dx / self.kappa), math.sqrt(heat / (self.dx * self._stiffness(self.dx)))
        reach = phase + 7 * spread
        half = math.ceil(reach / min(bond, site) * _CELLS_PER_WIDTH)
        steps = torch.arange(-half, half, dtype=self.decay.dtype, device=self.decay.device) + 0.5
        return reach / half * steps

    def _stiffness(self, length: float) -> float:
        """At the bottom of a well, of so much of the field; a quartic one is as stiff as its fluctuations make it."""
        return max(2 * self.growth, -self.growth, math.sqrt(self.cubic * self.temperature / length))

    def _refuse_step(self, operation: str, dt: float) -> None:
        longest = 2 / self.growth if self.growth > 0 else math.inf
        if not 0 < dt < longest:
            raise ValueError(f"{operation}: dt must be positive and below 2 / growth = {longest:g}, got {dt}.")


def _drawn(weights: Tensor, rows: Tensor, generator: torch.Generator | None) -> Tensor:
    """A column for each entry of ``rows``, drawn with the weights of that row."""
    sums = weights.cumsum(dim=1)
    sums = sums / sums[:, -1:]
    parts = []
    for some in chunks(len(rows), weights.shape[1]):
        height = rand((len(rows[some]), 1), sums, generator)
        parts.append(torch.searchsorted(sums[rows[some]], height)[:, 0])
    return torch.cat(parts).clamp_max(weights.shape[1] - 1)
