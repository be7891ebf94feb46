"""The units of a flow's two ends, so that a network sees numbers of about one whatever the data are measured in."""

import warnings
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from koopteach.standardizer import Standardizer
from koopteach.tensors import Movable

# What a network or a softmax is trained on should be of about one; further off it learns little, and does not say so.
_FAR = 30.0


def warn_of_units(who: str, x: Tensor) -> None:
    """A line where the columns of ``x`` ``(n, d)``, which a training sees as they are, are far from unit spread."""
    of = Standardizer.of(x.detach())
    least, most, away = (float(part) for part in (of.spread.min(), of.spread.max(), of.center.abs().max()))
    if least < 1 / _FAR or max(most, away) > _FAR:
        warnings.warn(
            f"{who} has columns of spreads from {least:.2g} to {most:.2g} and means up to {away:.2g}, but a training "
            "needs about one. Map the data first, units = Standardizer.of(x); u = units(x), and results back: "
            "units.undo.",
            stacklevel=3,
        )


@dataclass(frozen=True, eq=False)
class Units(Movable):
    """``x_t = center(t) + spread(t) u_t``, both linear in t: from one map at t = 0 to another at t = 1.

    A flow is trained and solved in ``u`` and answers in ``x``. Where the source is standard normal noise, the map at
    t = 0 is the identity, so that ``flow.transport(torch.randn(n, d))`` is right for data in any units and
    ``flow.invert(x1)`` is standard normal; the data's units come in on the way. (The noise in the data's units, one
    map for all times, would be simpler, and every hand-made ``x0`` silently wrong.) Where the source is a sample, it
    shares its columns with the data, and one map of both serves at all times.

    Attributes:
        start, end: the maps at t = 0 and at t = 1.
    """

    start: Standardizer
    end: Standardizer

    @classmethod
    def of(cls, x1: Tensor, x0: Tensor | None = None) -> Self:
        """The units of data ``(n, d)`` and of a source sample ``(m, d)``, both of equal weight; None for N(0, I)."""
        if x0 is None:
            one = torch.ones_like(x1[0])
            return cls(Standardizer(torch.zeros_like(one), one), Standardizer.of(x1))
        shares = torch.cat([x.new_full((len(x),), 1 / len(x)) for x in (x0, x1)])
        both = Standardizer.of(torch.cat([x0, x1]), shares)
        return cls(both, both)

    def at(self, t: Tensor | float) -> Standardizer:
        """The map at time ``t``, a number or ``(n, 1)``."""
        a, b = self.start, self.end
        return Standardizer((1 - t) * a.center + t * b.center, (1 - t) * a.spread + t * b.spread)

    def into(self, x: Tensor, t: Tensor | float) -> Tensor:
        """``u_t`` of points ``x_t`` ``(n, d)``."""
        return self.at(t)(x)

    def undo(self, u: Tensor, t: Tensor | float) -> Tensor:
        """``x_t`` of ``u_t`` ``(n, d)``."""
        return self.at(t).undo(u)

    def rate(self, u: Tensor, v: Tensor, t: Tensor) -> Tensor:
        """``dx_t/dt`` where ``du_t/dt = v``."""
        return self.slope(u) + self.at(t).spread.to(u) * v

    def rate_into(self, u: Tensor, rate: Tensor, t: Tensor) -> Tensor:
        """``du_t/dt`` where ``dx_t/dt = rate``: the inverse of :meth:`rate`."""
        return (rate - self.slope(u)) / self.at(t).spread.to(u)

    def slope(self, u: Tensor) -> Tensor:
        """How fast the map alone moves the point of ``u`` ``(n, d)``."""
        a, b = self.start, self.end
        return (b.center - a.center).to(u) + (b.spread - a.spread).to(u) * u

    def tensors(self) -> dict[str, Tensor]:
        """What a file keeps; copies, since both ends may be one map."""
        ends = {"start": self.start, "end": self.end}
        return {f"units.{name}.{key}": value.clone() for name, end in ends.items() for key, value in vars(end).items()}

    @classmethod
    def restored(cls, tensors: dict[str, Tensor]) -> Self | None:
        """The units of a file; None for one without, as all older ones are."""
        if "units.end.spread" not in tensors:
            return None
        numbers = [tensors[f"units.{name}"] for name in ("start.center", "start.spread", "end.center", "end.spread")]
        return cls(Standardizer(*numbers[:2]), Standardizer(*numbers[2:]))
