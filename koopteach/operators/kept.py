"""Some of the pairs of a stream: the same ones however the stream is cut."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from koopteach.tensors import chunks, is_traced

# Pairs kept aside: enough to know the Dirichlet energies to a few per cent and to see a broken symmetry.
MOST = 4000


class Kept:
    """Of all different pairs the 4,000 whose hashes are smallest, in the order of the data, each with its copies.

    A pair's hash depends on its numbers alone, so parts of the data, joined, keep what all data at once would keep.
    Copies are counted, because repeated pairs are kept all together or not at all.

    Attributes:
        different: ``(p, 2, d)``.
        copies: ``(p,)``, how often each was seen.

    Source: the smallest of random keys are a sample that merges (bottom-k sketches, Cohen and Kaplan 2007).
    """

    def __init__(self, like: Tensor) -> None:
        self.different = like.new_empty(0, 2, like.shape[1])
        self.copies = torch.zeros(0, dtype=torch.float64, device=like.device)
        self._keys = self.copies.long()

    @property
    def pairs(self) -> Tensor:
        """At most 4,000 rows ``(q, 2, d)``, each pair as often as befits its copies."""
        ends = self.copies.cumsum(dim=0)
        n = min(int(ends[-1]), MOST)
        at = (torch.arange(n, device=ends.device) + 0.5) / n * ends[-1]
        return self.different[torch.searchsorted(ends, at)]

    def add(self, x: Tensor, y: Tensor) -> None:
        """The next pairs, ``x`` and ``y`` ``(n, d)``; what is kept is copied, and holds none of the caller's memory."""
        for rows in chunks(0 if is_traced(x) else len(x), 16 * x.shape[1], at_least=1000):
            pairs = torch.stack([x[rows], y[rows]], dim=1)
            keys = _hashes(pairs)
            near = keys <= self._keys.max() if len(self._keys) == MOST else keys == keys
            self._join(pairs[near], keys[near], self.copies.new_ones(int(near.sum())))

    def __add__(self, other: Kept) -> Kept:
        total = copy.copy(self)
        total._join(other.different, other._keys, other.copies)
        return total

    def _join(self, pairs: Tensor, keys: Tensor, copies: Tensor) -> None:
        keys = torch.cat([self._keys, keys])
        ascending, which = keys.unique(return_inverse=True)
        row = torch.arange(len(keys), device=keys.device)
        first, order = torch.full_like(ascending, len(keys)).scatter_reduce(0, which, row, "amin")[:MOST].sort()
        counts = copies.new_zeros(len(ascending)).index_add(0, which, torch.cat([self.copies, copies]))
        self.different, self._keys = torch.cat([self.different, pairs])[first], keys[first]
        self.copies = counts[order]


def _hashes(pairs: Tensor) -> Tensor:
    """A whole number for each pair that looks random and is the same on every machine."""
    numbers = pairs.flatten(1) + 0.0  # one zero, not two
    bits = numbers.view(torch.int64 if numbers.dtype == torch.float64 else torch.int32).long()
    return _mixed((_mixed(bits) * torch.arange(1, 2 * bits.shape[1], 2, device=bits.device)).sum(dim=1))


def _mixed(z: Tensor) -> Tensor:
    """Each bit spread over all 64, modulo 2^64: the finaliser of SplitMix (Steele, Lea, Flood 2014)."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        z = (z ^ (z >> shift)) * factor
    return z ^ (z >> 31)
