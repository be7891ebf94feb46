"""The one loop: it runs any method, records the path, and notices when the particles are lost."""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from koopteach.progress_bar import progress as with_progress
from koopteach.protocols import Sampler
from koopteach.ranks import ALONE
from koopteach.tensors import as_count, as_points, refuse_shape

# Particles this many times further out than they or the data ever were do not come back.
_LOST = 100.0

# A run of at least so many steps has stalled when its energy ends above this share of its highest and hardly fell in
# the last quarter, where there is no noise any more. Healthy runs end at 1e-8 of it or below.
_LEAST_STEPS = 20
_STALLED = 1e-4
_HARDLY = 0.5

# Fewer accepted proposals than this move nobody.
_HARDLY_ACCEPTED = 0.01


@dataclass(frozen=True)
class Run:
    """The record of one run.

    Attributes:
        particles: ``(k, n, d)``, the recorded states, the start and the last one included; those two alone, with
            ``keep_path=False``.
        steps: ``(k,)``, how many steps lie before each record.
        energy: ``(k,)``, the method's energy at each record; NaN for a method that has none.
        limited: ``(k,)``, share of the particles that the limiter shortened in the step before each record (0 first).
        acceptance: ``(k,)``, share of the proposals accepted in that step; NaN for a method without proposals.
        seconds: ``(k,)``, wall time of the steps up to each record.
        score_evaluations: points at which the score was evaluated, over the whole run.
        diverged: whether the particles were lost; the run stops there.
        interrupted: whether somebody stopped it; what was computed is here.
        stalled: whether the energy stopped falling above that of independent samples: the particles are not where they
            should be.

    >>> import torch
    >>> import koopteach as kt
    >>> run = kt.run_particles(kt.ULA(kt.DoubleWell(), step_size=0.01), torch.zeros(50, 1).double(), n_steps=30)
    >>> run
    Run(30 steps of 50 particles in dimension 1, 31 records)
    >>> tuple(run.particles.shape), run.score_evaluations
    ((31, 50, 1), 1500)
    """

    particles: Tensor
    steps: Tensor
    energy: Tensor
    limited: Tensor
    acceptance: Tensor
    seconds: Tensor
    score_evaluations: int
    diverged: bool
    interrupted: bool
    stalled: bool

    @property
    def final(self) -> Tensor:
        """The last particles, ``(n, d)``."""
        return self.particles[-1]

    def __repr__(self) -> str:
        _, n, d = self.particles.shape
        endings = {"diverged": self.diverged, "interrupted": self.interrupted, "stalled": self.stalled}
        ending = "".join(f", {name}" for name, true in endings.items() if true)
        return f"Run({int(self.steps[-1])} steps of {n} particles in dimension {d}, {len(self.steps)} records{ending})"


def run_particles(
    method: Sampler,
    x0: Tensor,
    *,
    n_steps: int = 60,
    record_every: int | None = None,
    keep_path: bool = True,
    generator: torch.Generator | None = None,
    verbose: bool = True,
) -> Run:
    """Run ``method`` from ``x0``.

    Args:
        method: has ``init(x) -> state`` and ``step(x, state, progress=, generator=) -> (x, state, info)``.
        x0: particles ``(n, d)``; not modified.
        n_steps: how many steps.
        record_every: record each so many steps; None records at most 61 states.
        keep_path: False keeps the first and the last state alone, beside the numbers of every record: 61 states of a
            million particles in ten dimensions are 5 GB.
        generator: source of all noise.
        verbose: show a progress bar where somebody watches, and say in a line when the particles were lost, have
            stalled or never moved, and which knob to turn.

    Returns:
        a :class:`Run`, also when the particles diverge or the run is interrupted from the keyboard.

    Raises:
        ValueError: ``x0`` is not ``(n, d)`` and finite, or a count below one; what the method itself refuses.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> target = kt.DoubleWell(4.0)
    >>> run = kt.run_particles(kt.MALA(target, step_size=0.02), target.sample(200, g), n_steps=10, generator=g)
    >>> run.steps.tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    >>> run.diverged, run.stalled
    (False, False)
    """
    x = as_points("run_particles", "x0", x0).detach().clone()  # a learner's method may change what it is given
    n_steps = as_count("run_particles", "n_steps", n_steps)
    every = -(-n_steps // 60) if record_every is None else as_count("run_particles", "record_every", record_every)
    recorder = _Recorder(method, x, 1 - n_steps // -every if keep_path else 2)
    state, info, done, step, diverged, interrupted = method.init(x), {}, 0, 0, False, False
    steps = range(1, n_steps + 1)
    try:
        for step in with_progress(steps, type(method).__name__) if verbose else steps:
            started = time.perf_counter()
            moved, state, new_info = method.step(x, state, progress=(step - 1) / n_steps, generator=generator)
            diverged = recorder.lost(moved)  # looks at the numbers, so a GPU's work is done when the time stops
            recorder.count(new_info, time.perf_counter() - started)
            if diverged:
                break
            x, info, done = moved, new_info, step
            if step % every == 0 or step == n_steps:
                recorder.record(x, step, info)
    except KeyboardInterrupt:
        interrupted = True
    if done > recorder.last_step:  # stopped between two records
        recorder.record(x, done, info)
    result = recorder.finish(diverged, interrupted)
    told = _diagnosis(result, step, n_steps, method) if verbose else ""
    if told:
        print(f"{type(method).__name__}: {told}")
    return result


def _diagnosis(run: Run, step: int, n_steps: int, method: Sampler) -> str:
    """What went wrong and which knob to turn; nothing of a healthy run."""
    if run.acceptance[1:].nanmean() < _HARDLY_ACCEPTED:  # false for NaN, of a method without proposals
        return "hardly a proposal was accepted, so that the particles stay where they are. Use a smaller step_size."
    if run.diverged:
        mend = "a smaller step_size, or max_move=0.25" if hasattr(method, "max_move") else "a smaller step_size"
        return f"particles diverged at step {step} of {n_steps}; the run stops there. Use {mend}."
    if not run.stalled:
        return ""
    # words only: the numbers of a stalled run repeat on no other machine
    spectrum = getattr(method, "spectrum", None)
    if spectrum is not None and float(spectrum.reaches(run.final).double().mean()) < 0.5:
        return (
            "energy stalled with most particles out of reach of every kernel, where a polynomial tail acts at most. "
            "Start nearer to the data, or use MultiScale.from_data, which has a tail, with damping=1.0."
        )
    untried = "damping=1.0, " if getattr(method, "damping", math.inf) != 1 else ""
    if float(run.limited[-1]) >= 0.5:
        return (
            "energy stalled with most particles at the limiter. "
            f"Use {untried}a ladder of spectra (Ladder.from_data), or more steps."
        )
    untried += "noise=0.3, " if getattr(method, "noise", 0.0) < 0.3 else ""
    return f"energy stalled. Use {untried}a ladder of spectra (Ladder.from_data), or a smaller step_size."


def _has_stalled(energy: Tensor, steps: int, least: float) -> bool:
    """Whether the recorded energies ``(k,)`` stopped falling above ``least``; False for a method without energy."""
    last, before = float(energy[-1]), float(energy[3 * (len(energy) - 1) // 4])
    return steps >= _LEAST_STEPS and last > max(_STALLED * float(energy.max()), _HARDLY * before, least)


class _Recorder:
    """Collects what a :class:`Run` holds, up to ``most`` states; where there is no room the last one gives way."""

    def __init__(self, method: Sampler, x: Tensor, most: int) -> None:
        self._energy = getattr(method, "energy", lambda _: float("nan"))
        self._seconds, self._evaluations = 0.0, 0
        self._rows: list[tuple[int, float, float, float, float]] = []
        self._states, self._ranks = x.new_empty(most, *x.shape), getattr(method, "ranks", ALONE)
        spectrum = getattr(method, "spectrum", None)
        self._scale = spectrum.scale if spectrum is not None else 1.0
        self._units = getattr(spectrum, "units", None)  # those of the scale
        # What independent draws have on average is no stall: fewer coordinates than modes cannot do better.
        n = sum(self._ranks.counts(len(x)))
        least = 0.5 * float((1 / spectrum.energies).sum()) / n if spectrum is not None else 0.0
        self._least = max(least, 1e-12 * self._scale**2)
        self._bound = _LOST * max(self._size(x), self._scale)
        self.record(x, 0, {})

    def count(self, info: dict[str, Any], seconds: float) -> None:
        self._evaluations += info.get("score_evaluations", 0)
        self._seconds += seconds

    def lost(self, x: Tensor) -> bool:
        """Whether anybody's particles are, NaN included."""
        return not self._size(x) < self._bound

    def _size(self, x: Tensor) -> float:
        return self._ranks.largest((x if self._units is None else self._units(x)).abs().max())

    @property
    def last_step(self) -> int:
        return self._rows[-1][0]

    def record(self, x: Tensor, step: int, info: dict[str, Any]) -> None:
        limited, acceptance = info.get("limited", 0.0), info.get("acceptance", math.nan)
        refuse_shape("run_particles", "what method.step returned", x, tuple(self._states.shape[1:]))
        self._states[min(len(self._rows), len(self._states) - 1)] = x
        self._rows.append((step, self._energy(x), limited, acceptance, self._seconds))

    def finish(self, diverged: bool, interrupted: bool) -> Run:
        steps, *numbers = zip(*self._rows)
        energy, limited, acceptance, seconds = (torch.tensor(column, dtype=torch.float64) for column in numbers)
        return Run(
            particles=self._states[: len(steps)],
            steps=torch.tensor(steps),
            energy=energy,
            limited=limited,
            acceptance=acceptance,
            seconds=seconds,
            score_evaluations=self._evaluations,
            diverged=diverged,
            interrupted=interrupted,
            stalled=not (diverged or interrupted) and _has_stalled(energy, steps[-1], self._least),
        )
