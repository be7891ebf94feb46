"""Several processes that move particles together: all that particles share is a mean over rows."""

import os
from datetime import timedelta

import torch
from torch import Tensor, distributed

from koopteach.tensors import positive, randn


class Ranks:
    """The processes of one ``torchrun``, each with particles of its own: ``KSWGD(spectrum, ranks=Ranks())``.

    All run the same script and call the same things in the same order. A process that dies ends the others. Started
    without ``torchrun`` the script has all particles to itself.

    Args:
        timeout: seconds after which a process that waits in vain gives up.
        same_noise: every process draws the noise of all particles and keeps its own; with generators of one seed the
            particles are then those of one process. False draws its own alone, which is cheaper from about a million
            particles: seed each process's generator otherwise, ``manual_seed(1000 * seed + ranks.rank)``.

    Attributes:
        rank: this process's number, from 0.
        size: how many there are.

    Raises:
        TypeError, ValueError: ``timeout`` not positive.

    Tensors on processors travel by gloo; by NCCL, which tensors on GPUs need, it is untested.

    >>> import torch
    >>> import koopteach as kt
    >>> ranks = kt.Ranks()
    >>> ranks.rank, ranks.size, ranks.part(torch.arange(3)).tolist()
    (0, 1, [0, 1, 2])
    """

    rank, size, same_noise = 0, 1, True

    def __init__(self, *, timeout: float = 60.0, same_noise: bool = True) -> None:
        patience = timedelta(seconds=positive("Ranks", "timeout", timeout))
        self.same_noise = same_noise
        if "RANK" in os.environ and not distributed.is_initialized():
            distributed.init_process_group(timeout=patience)
        if distributed.is_available() and distributed.is_initialized():
            self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def part(self, x: Tensor) -> Tensor:
        """This process's share of rows that all have, ``(n, ...)``, in the order of the ranks."""
        return x.tensor_split(self.size)[self.rank]

    def counts(self, n: int) -> list[int]:
        """How many rows each process has, where this one has ``n``."""
        counts = torch.zeros(self.size, dtype=torch.long)
        counts[self.rank] = n
        return self._reduced(counts).tolist()

    def mean(self, value: Tensor, n: int) -> Tensor:
        """The mean over the rows of all processes, where ``value`` is the mean over the ``n`` rows here."""
        if self.size == 1:
            return value
        value, own = value.detach(), torch.cat([value.double().flatten(), value.new_ones(1, dtype=torch.float64)])
        total = self._reduced(n * own)
        return (total[:-1] / total[-1]).view_as(value).to(value)

    def largest(self, value: Tensor) -> float:
        """The largest of all processes' numbers; NaN counts as infinity."""
        return float(self._reduced(value.detach().double().nan_to_num(nan=torch.inf, posinf=torch.inf), "MAX"))

    def randn(self, shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Standard normal numbers for the rows here, ``shape``."""
        counts, place = (self.counts(shape[0]), self.rank) if self.same_noise else ([shape[0]], 0)
        return randn((sum(counts), *shape[1:]), like, generator).split(counts)[place]

    def _reduced(self, value: Tensor, how: str = "SUM") -> Tensor:
        if self.size > 1:
            distributed.all_reduce(value, getattr(distributed.ReduceOp, how))
        return value


# One process, whatever else runs beside it.
ALONE = Ranks.__new__(Ranks)


def ranks_of(net: torch.nn.Module) -> Ranks:
    """The processes that train ``net`` together, where it is wrapped for that."""
    return Ranks() if isinstance(net, torch.nn.parallel.DistributedDataParallel) else ALONE
