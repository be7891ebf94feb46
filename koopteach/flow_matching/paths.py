"""The straight conditional path, and how a batch of noise is paired with a batch of data."""

from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.flow_matching.local import local_permutation
from koopteach.metrics.transport import pot
from koopteach.tensors import as_points, randn, random_rows, refuse_shape, shuffled_rows

# Of the starts that a map is learned from; tuned on the shipped teachers.
_WIDE_EVERY, _WIDE = 4, 1.25

Coupling = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def linear_path(x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The point ``x_t = (1 - t) x0 + t x1`` and its velocity ``u = x1 - x0``, both ``(n, d)``.

    Args:
        x0, x1: the ends ``(n, d)``, noise and data.
        t: times ``(n, 1)``, one a row.

    >>> import torch
    >>> import koopteach as kt
    >>> x_t, u = kt.linear_path(torch.zeros(1, 2), torch.ones(1, 2), torch.tensor([[0.25]]))
    >>> x_t.tolist(), u.tolist()
    ([[0.25, 0.25]], [[1.0, 1.0]])
    """
    u = x1 - x0
    return x0 + t * u, u


def ot_permutation(x0: Tensor, x1: Tensor) -> Tensor:
    """The permutation ``p`` ``(n,)`` that minimises ``sum_i |x0_i - x1_p(i)|^2``; by POT's ``emd``, exactly.

    Raises:
        ImportError: without POT.
        ValueError: shapes that differ, NaN.

    >>> import torch
    >>> import koopteach as kt
    >>> noise, data = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[12.0], [10.0], [11.0]])
    >>> kt.ot_permutation(noise, data).tolist()  # in one dimension the order of the points
    [1, 2, 0]

    Source: Tong et al. 2024, minibatch optimal-transport flow matching.
    """
    x0 = as_points("ot_permutation", "x0", x0)
    x1 = as_points("ot_permutation", "x1", x1, dim=x0.shape[1])
    if len(x0) != len(x1):
        raise ValueError(f"ot_permutation: x0 has {len(x0)} rows and x1 {len(x1)}, but as many are needed.")
    # float64, and the scale taken out: the simplex method compares costs for equality
    cost = torch.cdist(x0.double(), x1.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
    plan = pot("ot_permutation").emd([], [], (cost / cost.mean().clamp_min(1e-300)).cpu().numpy())
    # the plan's vertices are permutations, but their weights 1 / n come with rounding errors
    return torch.as_tensor(plan).argmax(dim=1).to(x0.device)


def independent(x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
    """Any noise with any data: the rows as they were drawn."""
    return x0, x1


def ot(x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs of least squared distance within the batch."""
    return x0, x1[ot_permutation(x0, x1)]


COUPLINGS: dict[str, Coupling] = {"independent": independent, "ot": ot}
PAIRED, LOCAL = "paired", "local"
LOCAL_PAIRS = 65_536  # enough that a fixed set of them is not learned by heart


class Pairs:
    """Batches ``(x0, x1)`` from two samples.

    Args:
        operation: who asks; opens the messages.
        x1: data ``(n, d)``.
        x0: source ``(m, d)``; None for standard normal noise.
        coupling: ``"independent"``, ``"ot"``, a function of two batches, ``"paired"`` where row i of ``x0``
            belongs to row i of ``x1``, or ``"local"``, 65,536 pairs matched by :func:`local_permutation` at once.
        generator: source of the points that ``"local"`` matches.

    Raises:
        ValueError: another name, or ``"paired"`` without as many rows.
    """

    def __init__(
        self,
        operation: str,
        x1: Tensor,
        x0: Tensor | None,
        coupling: str | Coupling | None,
        generator: torch.Generator | None = None,
    ) -> None:
        coupling = checked_coupling(operation, coupling)
        if coupling == PAIRED and (x0 is None or len(x0) != len(x1)):
            came = "none" if x0 is None else f"{len(x0)} rows"
            raise ValueError(f'{operation}: coupling="paired" needs x0 with the {len(x1)} rows of x1, got {came}.')
        if coupling == LOCAL:
            x0 = draw_source(None, x1, LOCAL_PAIRS, generator) if x0 is None else _spread(x0, LOCAL_PAIRS, generator)
            x1 = _spread(x1, LOCAL_PAIRS, generator)
            x1, coupling = x1[local_permutation(x0, x1)], PAIRED
        self.operation, self.x1, self.x0, self.coupling = operation, x1, x0, coupling

    def draw(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """``n`` pairs, rows with replacement."""
        return self.at(random_rows(self.x1, n, generator), generator)

    def at(self, rows: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Pairs with these ``rows`` ``(n,)`` of the data."""
        if self.x0 is not None and self.coupling == PAIRED:
            return self.x0[rows], self.x1[rows]
        x0 = draw_source(self.x0, self.x1, len(rows), generator)
        return coupled(self.operation, self.coupling, x0, self.x1[rows])


def coupled(operation: str, coupling: str | Coupling, x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs that a coupling of batches makes of two of them.

    Raises:
        ValueError: another shape comes back, or ``"local"``, which matches whole samples.
    """
    if coupling == LOCAL:
        raise ValueError(f'{operation}: coupling="local" pairs whole samples. Use local_permutation, then "paired".')
    couple = COUPLINGS.get(coupling, independent) if isinstance(coupling, str) else coupling
    d, (x0, x1) = x1.shape[1], couple(x0, x1)
    refuse_shape(operation, "the noise that coupling returned", x0, ("n", d))
    refuse_shape(operation, "the data that coupling returned", x1, tuple(x0.shape), ", as of the noise")
    return x0, x1


def checked_coupling(operation: str, coupling: str | Coupling | None) -> str | Coupling:
    """A coupling that :class:`Pairs` knows.

    Raises:
        ValueError: another name, or None, as of a flow whose file could not hold its function.
    """
    if coupling is None:
        raise ValueError(
            f"{operation}: this flow was trained with a coupling of one's own, which its file does not hold. "
            "Set flow.coupling to that function first."
        )
    if not callable(coupling) and coupling not in (*COUPLINGS, PAIRED, LOCAL):
        known = ", ".join(f'"{name}"' for name in (*COUPLINGS, PAIRED, LOCAL))
        raise ValueError(f"{operation}: coupling must be one of {known} or a function of batches, got {coupling!r}.")
    return coupling


def draw_source(x0: Tensor | None, like: Tensor, n: int, generator: torch.Generator | None) -> Tensor:
    """``n`` rows of the source sample ``x0``, or standard normal numbers shaped like the rows of ``like``."""
    return randn((n, like.shape[1]), like, generator) if x0 is None else x0[random_rows(x0, n, generator)]


def _spread(x: Tensor, n: int, generator: torch.Generator | None) -> Tensor:
    """``n`` rows of ``x``, each as often as any other, give or take one: a draw with replacement adds to the noise."""
    rows = [shuffled_rows(x, generator) for _ in range(-(-n // len(x)))]
    return x[torch.cat(rows)[:n]]


def widened(x0: Tensor) -> Tensor:
    """Start points ``(n, d)``, every fourth of them a quarter further from their mean.

    A map that is learned from paths errs where none began: among four thousand draws from a normal law a single one
    far out can make up most of the mean square.
    """
    middle, wide = x0.mean(dim=0), x0.clone()
    wide[::_WIDE_EVERY] = torch.lerp(middle, x0[::_WIDE_EVERY], _WIDE)
    return wide
