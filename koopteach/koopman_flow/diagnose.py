"""Is a lifted flow linear, does it follow its teacher, and has it collapsed?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.flow_matching.net import like_weights
from koopteach.koopman_flow.lifting import Lifting
from koopteach.koopman_flow.paths import TeacherPaths
from koopteach.tensors import brief

# A model has collapsed below this share of the teacher's spread; or below this share of the states' size, where its
# relative residual is above the third number. Few observables alive is no collapse: a flow in the plane needs few.
_SHRUNK, _TINY, _RELATIVE = 0.5, 0.25, 0.3


@dataclass(frozen=True)
class Diagnosis:
    """Errors are root mean squares over the start points, relative to that of the teacher's end points.

    Attributes:
        times: ``(T,)``.
        path_error: ``(T,)``, the student's state against the teacher's at each time, from one lift at t = 0.
        linearity: how far the path read from a lift on the way, ``C e^{(s-t)L} z(x_t, t)``, is from the one read from
            the start, over all s and t; in units of the state, so that no change of observables makes it small.
        residual: ``E|Lie z - L z|^2`` over ``E|L z|^2``, the root; blind to the scale of ``z``.
        raw_residual: ``E|Lie z - L z|^2 / d``, what a training minimises.
        size: root mean square standard deviation of the observables over that of the states.
        participation: ``(sum lambda)^2 / sum lambda^2`` of the covariance of the observables: how many are alive.
        spread: standard deviation of the student's end points over that of the teacher's.
        collapsed: whether the training can be won by dead observables, and was.
        verdict: one sentence where the model has collapsed or was not trained far enough, else empty.
    """

    times: Tensor
    path_error: Tensor
    linearity: float
    residual: float
    raw_residual: float
    size: float
    participation: float
    spread: float
    collapsed: bool
    verdict: str

    __repr__ = brief

    @property
    def end(self) -> float:
        """The path error at t = 1."""
        return float(self.path_error[-1])

    @property
    def mid(self) -> float:
        """The path error at t = 1/2."""
        return float(self.path_error[len(self.path_error) // 2])

    @property
    def path(self) -> float:
        """Root mean square of the path error over the times."""
        return float(self.path_error.square().mean().sqrt())


def diagnose(lifting: Lifting, paths: TeacherPaths) -> Diagnosis:
    """Compare a lifting with the teacher's paths, which it should not have been trained on."""
    with torch.no_grad():
        paths = paths.to(like_weights(lifting))
        times, x = paths.times.cpu(), paths.states  # each of them is read
        scale, moments = float(x[-1].square().mean().sqrt()), zip(times, x, paths.velocity(slice(None)))
        lifts, rates = zip(*(lifting.rate(y, y.new_full((len(y), 1), float(t)), v) for t, y, v in moments))
        read = torch.stack([lifting.read(lifting.evolve(lifts[0], float(t))) for t in times])
        z = torch.stack(lifts)
        lz = z @ lifting.generator().T
        free = slice(lifting.n_clock, None)  # the clock obeys its equation always
        raw, change = ((y[..., free]).square().sum(dim=2).mean() for y in (torch.stack(rates) - lz, lz))
        z = z[..., free]
        numbers = {
            "linearity": _linearity(lifting, lifts, times, read) / scale,
            "residual": float((raw / change.clamp_min(1e-30)).sqrt()),
            "raw_residual": float(raw) / lifting.dim,
            "size": _spread(z) / _spread(x),
            "participation": _participation(z),
            "spread": float(read[-1].std(dim=0).norm() / x[-1].std(dim=0).norm()),
        }
    error = (read - x).square().mean(dim=(1, 2)).sqrt() / scale
    verdict = _verdict(lifting, **numbers)
    collapsed = bool(verdict) and not lifting.pinned
    return Diagnosis(paths.times.double(), error.double(), **numbers, collapsed=collapsed, verdict=verdict)


def _linearity(lifting: Lifting, lifts: tuple[Tensor, ...], times: Tensor, read: Tensor) -> float:
    total = 0.0
    for z, t in zip(lifts[1:], times[1:]):
        again = torch.stack([lifting.read(lifting.evolve(z, float(s - t))) for s in times])
        total += float((again - read).square().mean())
    return (total / (len(lifts) - 1)) ** 0.5


def _participation(z: Tensor) -> float:
    """Of the covariance at fixed time, averaged over times: the clock does not count as alive."""
    away = (z - z.mean(dim=1, keepdim=True)).double().flatten(0, 1)
    values = torch.linalg.eigvalsh(away.T @ away / len(away)).clamp_min(0)
    return float(values.sum().square() / values.square().sum().clamp_min(1e-300))


def _verdict(lifting: Lifting, *, residual: float, size: float, spread: float, **_: float) -> str:
    """What is wrong, in words: these numbers repeat on no other machine."""
    if lifting.pinned:  # its observables cannot die; only a training that ended early makes its samples narrow
        far = "the samples are less than half as wide as the teacher's: the training has not got there."
        return f"{far} Use more n_steps." if spread < _SHRUNK else ""
    cure = 'Use generator="mode_sum", whose read-out pins the observables.'
    if spread < _SHRUNK:
        return f"the samples have collapsed: constant observables make the loss small. {cure}"
    if size < _TINY and residual > _RELATIVE:
        return f"the loss is small because the observables are, not because they are linear. {cure}"
    return ""


def _spread(x: Tensor) -> float:
    """Root mean square standard deviation of the coordinates of ``(T, n, m)`` at fixed time."""
    return float(x.var(dim=1).mean().sqrt())
