"""The one training loop: any loss, progress, interruption, divergence, averaged weights."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from koopteach.progress_bar import progress as with_progress
from koopteach.ranks import ALONE, Ranks
from koopteach.tensors import as_count, positive

# A mean loss so many times above that of the first steps does not come back.
_LOST = 10.0


@dataclass(frozen=True)
class Training:
    """The record of one training.

    Attributes:
        steps: ``(k,)``, steps done at each record.
        losses: ``(k,)``, mean loss of the steps since the record before.
        seconds: wall time.
        diverged: whether the loss was lost; the parameters are then those of the best record.
        interrupted: whether somebody stopped it; the parameters are those reached.
    """

    steps: Tensor
    losses: Tensor
    seconds: float
    diverged: bool
    interrupted: bool

    def __repr__(self) -> str:
        endings = {"diverged": self.diverged, "interrupted": self.interrupted}
        ending = "".join(f", {name}" for name, true in endings.items() if true)
        return f"Training({int(self.steps[-1]) if len(self.steps) else 0} steps{ending})"


def train(
    loss: Callable[[], Tensor],
    parameters: Iterable[Tensor],
    *,
    n_steps: int,
    lr: float = 2e-3,
    warm_up: int = 100,
    clip: float = 1.0,
    ema: float = 0.999,
    ranks: Ranks = ALONE,
    name: str = "train",
    verbose: bool = True,
) -> Training:
    """Minimise ``loss()`` by Adam and leave the parameters' exponential moving average in place.

    The step size rises linearly over ``warm_up`` steps (at most a tenth of all) and falls to zero as a cosine; the
    gradient is shortened to norm ``clip``. An interrupt from the keyboard keeps what was trained. A loss that is not
    finite, or whose mean grew tenfold, ends the training with the averaged parameters of the best record.

    Args:
        loss: draws its own batch and returns a scalar; called once a step.
        parameters: tensors, changed in place; they require a gradient during the call alone.
        n_steps: how many steps.
        lr: the largest step size.
        warm_up: steps until it.
        clip: largest norm of the gradient of all parameters together.
        ema: the average's memory, in [0, 1); shorter at the start, so that the first weights are forgotten.
        ranks: the processes that train these parameters together; their mean loss says when the training is lost.
        name: opens the printed lines.
        verbose: show a progress bar where somebody watches, and say in a line when the training was lost or stopped.

    Raises:
        TypeError, ValueError: ``n_steps`` that is no whole number of at least one, ``warm_up`` below zero, ``lr`` or
            ``clip`` not positive, ``ema`` outside [0, 1), no parameters.

    >>> import torch
    >>> from koopteach.flow_matching import train
    >>> p = torch.zeros(2)
    >>> train(lambda: (p - 1).square().sum(), [p], n_steps=200, lr=0.1, ema=0.9)
    Training(200 steps)
    >>> p.round(decimals=2).tolist()
    [1.0, 1.0]
    """
    parameters, n_steps = list(parameters), as_count(name, "n_steps", n_steps)
    lr, clip = positive(name, "lr", lr), positive(name, "clip", clip)
    warm_up = min(as_count(name, "warm_up", warm_up, at_least=0), n_steps // 10)
    if not 0 <= ema < 1:
        raise ValueError(f"{name}: ema must lie in [0, 1), got {ema}.")
    if not parameters:
        raise ValueError(f"{name}: there are no parameters to train.")
    loop = _Loop(parameters, n_steps, lr, warm_up, clip, ema, ranks)
    interrupted, started = False, time.perf_counter()
    loop.require_gradients(True)
    try:
        for _ in with_progress(range(n_steps), name) if verbose else range(n_steps):
            if not loop.step(loss):
                break
    except KeyboardInterrupt:
        interrupted = True
    finally:  # also where the loss itself raises: nothing that was trained is thrown away
        loop.adam.zero_grad()
        loop.require_gradients(False)
        loop.install_average()
    done = loop.done
    if verbose and interrupted:
        print(f"{name}: interrupted after {done} of {n_steps} steps; what was trained is kept.")
    if verbose and loop.diverged:
        print(
            f"{name}: training diverged at step {done + 1} of {n_steps}; the best parameters so far are kept. "
            f"Use a smaller lr (it was {lr:g})."
        )
    return loop.record(time.perf_counter() - started, interrupted)


class _Loop:
    """The state of one training."""

    def __init__(
        self, parameters: list[Tensor], n_steps: int, lr: float, warm_up: int, clip: float, ema: float, ranks: Ranks
    ) -> None:
        self.parameters, self.clip, self.ema, self.ranks = parameters, clip, ema, ranks
        self.n_steps, self.warm_up = n_steps, warm_up
        self.average = [p.detach().clone() for p in parameters]
        self.best = [p.detach().clone() for p in parameters]
        self.adam = torch.optim.Adam(parameters, lr=lr, fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.adam, self._rate)
        self.every = max(1, n_steps // 100)
        self.window: list[float] = []
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.done, self.diverged = 0, False

    def _rate(self, step: int) -> float:
        rise = min(1.0, (step + 1) / (self.warm_up + 1))
        return rise * 0.5 * (1 + math.cos(math.pi * step / self.n_steps))

    def require_gradients(self, wanted: bool) -> None:
        for p in self.parameters:
            p.requires_grad_(wanted)

    def step(self, loss: Callable[[], Tensor]) -> bool:
        """One step of Adam; False when the training is lost."""
        with torch.enable_grad():
            self.adam.zero_grad()
            value = loss()
            value.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        value = self.ranks.mean(value.detach(), 1)  # else one process goes on alone and waits for ever
        number, norm = torch.stack([value, norm]).tolist()  # one look at the device
        if not (math.isfinite(number) and math.isfinite(norm)):
            self._lose()
            return False
        self.adam.step()
        self.schedule.step()
        self.done += 1
        self._follow()
        self.window.append(number)
        return self.done % self.every != 0 or self._note()

    def _follow(self) -> None:
        memory = min(self.ema, self.done / (self.done + 10))
        with torch.no_grad():
            for mean, p in zip(self.average, self.parameters):
                mean.lerp_(p, 1 - memory)

    def _note(self) -> bool:
        """Record the mean loss since the last record; False when it shows that the training is lost."""
        mean = sum(self.window) / len(self.window)
        self.window = []
        if self.losses and mean - self.losses[0] > (_LOST - 1) * abs(self.losses[0]) > 0:  # may be below zero
            self._lose()
            return False
        if not self.losses or mean <= min(self.losses):
            self.best = [tensor.clone() for tensor in self.average]
        self.steps.append(self.done)
        self.losses.append(mean)
        return True

    def _lose(self) -> None:
        self.diverged, self.average = True, self.best

    def install_average(self) -> None:
        with torch.no_grad():
            for p, mean in zip(self.parameters, self.average):
                p.copy_(mean)

    def record(self, seconds: float, interrupted: bool) -> Training:
        if self.window and not self.diverged:  # stopped between two records
            self.steps.append(self.done)
            self.losses.append(sum(self.window) / len(self.window))
        return Training(
            steps=torch.tensor(self.steps),
            losses=torch.tensor(self.losses, dtype=torch.float64),
            seconds=seconds,
            diverged=self.diverged,
            interrupted=interrupted,
        )
