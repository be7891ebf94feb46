"""Conditional sampling: samples of a prior, weighted by a likelihood, give the spectrum of the conditioned law."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from koopteach.dictionaries import MultiScale
from koopteach.operators import GeneratorEDMD
from koopteach.particles.kswgd import KSWGD
from koopteach.particles.run import Run, run_particles
from koopteach.spectrum import Spectrum
from koopteach.tensors import as_count, as_float, as_points, positive, rand, refuse_shape

# Halvings of an interval of exponents; more change no exponent in double precision.
_HALVINGS = 60

# What a level needs unless somebody says: so many effective samples, or a quarter of the samples there are.
_LEAST, _SHARE = 500, 1 / 4

# From fewer of the whole likelihood a spread is not known to a tenth, 1 / sqrt(2 n_eff), by weights neither.
_TRUSTED = 50

# Levels of tempering; a likelihood that needs more tells samples apart by single points.
_MOST_LEVELS = 50


def effective_sample_size(log_weights: Tensor) -> float:
    """How many equally weighted samples have the variance of these weighted ones (Kish).

        n_eff = (sum w)^2 / sum w^2,     w = exp(log_weights)

    Args:
        log_weights: ``(n,)``; -inf is a weight of zero. A constant added to all changes nothing.

    Returns:
        between 1 (one sample has all the weight) and ``n`` (all the same).

    Raises:
        ValueError: NaN or +inf among the weights, or nothing but zeros.

    Identity: n for equal weights, k where k are equal and the others zero.

    >>> import torch
    >>> import koopteach as kt
    >>> round(kt.effective_sample_size(torch.tensor([0.0, 0.0, 0.0, -torch.inf])), 6)
    3.0
    """
    return float(1 / _normalised("effective_sample_size", log_weights).square().sum())


def systematic_resample(log_weights: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Indices ``(n,)`` in which sample i stands ``n w_i`` times, rounded up or down: one random number for all.

    Args:
        log_weights: ``(m,)``, up to a constant.
        n: how many indices.
        generator: source of the one random number.

    Raises:
        ValueError: weights as in :func:`effective_sample_size`, or ``n`` below one.

    >>> import torch
    >>> import koopteach as kt
    >>> kt.systematic_resample(torch.tensor([0.5, 0.25, 0.25]).log(), 8, torch.Generator().manual_seed(0)).tolist()
    [0, 0, 0, 0, 1, 1, 2, 2]

    Source: Kitagawa 1996; Douc, Cappe, Moulines 2005 compare it with other schemes.
    """
    weights = _normalised("systematic_resample", log_weights)
    n = as_count("systematic_resample", "n", n)
    heights = (torch.arange(n, dtype=weights.dtype, device=weights.device) + rand((), weights, generator)) / n
    # a weight of zero is never met: heights that rounding takes beyond the last sum belong to the last positive one
    last = int(weights.nonzero()[-1])
    return torch.searchsorted(weights.cumsum(0), heights, right=True).clamp_max(last)


@dataclass(frozen=True)
class Conditioned:
    """What :func:`condition` returns.

    Attributes:
        particles: ``(n_particles, d)``, of the conditioned law.
        spectrum: of the conditioned law; ``KSWGD(spectrum)`` moves any other particles to it, too.
        exponents: ascending to 1, one a level; ``(1.0,)`` where no tempering was needed.
        effective_sizes: of the weighted samples that each level's spectrum was learned from.
        runs: the transports, one a level.
    """

    particles: Tensor
    spectrum: Spectrum
    exponents: tuple[float, ...]
    effective_sizes: tuple[float, ...]
    runs: tuple[Run, ...]

    def __repr__(self) -> str:
        levels = ", ".join(f"{tau:.3g} ({n:.0f})" for tau, n in zip(self.exponents, self.effective_sizes))
        return f"Conditioned({len(self.particles)} particles, exponents (effective sizes) {levels})"


def condition(
    x: Tensor,
    log_likelihood: Callable[[Tensor], Tensor],
    *,
    n_particles: int | None = None,
    n_steps: int = 100,
    least: float | None = None,
    temper: bool = True,
    fit: Callable[[Tensor, Tensor], Spectrum] | None = None,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Conditioned:
    """Move samples of a prior ``pi`` to the conditioned law ``pi_w ~ likelihood * pi``.

    Weighted samples of ``pi`` are samples of ``pi_w``, so that GeneratorEDMD with the likelihood as weights learns the
    generator of ``pi_w``'s Langevin dynamics, and KSWGD follows its spectrum. Where the likelihood leaves fewer than
    ``least`` effective samples it comes in parts: level j conditions on ``likelihood^tau_j``, its spectrum is learned
    from the particles of the level before with the weights ``likelihood^(tau_j - tau_{j-1})``, and ``tau_j`` is as
    large as ``least`` allows. There KSWGD starts from particles drawn again by these weights, and spreads the copies
    without changing the moments. No level sees further than the samples of the one before.

    Args:
        x: samples of the prior ``(n, d)``, in any units; the first ``n_particles`` of them are moved.
        log_likelihood: ``x (n, d) -> (n,)``, up to a constant; -inf excludes.
        n_particles: how many are moved, None for 800 or all. With tempering they are also the later levels' data:
            take a few thousand.
        n_steps: of KSWGD, at each level.
        least: effective samples that a spectrum needs, None for 500 or a quarter of the samples; after the first level
            at most a quarter of the particles.
        temper: False refuses where the likelihood would have to come in parts.
        fit: ``(data (n, d), weights (n,)) -> Spectrum``; None is GeneratorEDMD in columns of unit spread with
            a MultiScale dictionary, whose centres are where the weights are.
        generator: source of all random numbers.
        options: of :class:`KSWGD`.

    Raises:
        ValueError: too few effective samples, with their number; a likelihood of wrong shape, NaN or +inf.

    Warns:
        UserWarning: the whole likelihood leaves fewer than 50 effective samples of the prior.

    Identity: a constant likelihood gives the unweighted spectrum of ``x``.

    >>> import torch
    >>> import koopteach as kt
    >>> g = torch.Generator().manual_seed(0)
    >>> prior = torch.randn(2000, 1, dtype=torch.float64, generator=g)
    >>> def seen_at_one(x):  # with an error of variance 1/2: the mean is 2/3, the variance 1/3
    ...     return -((x[:, 0] - 1) ** 2)
    >>> def fit(x, weights):
    ...     return kt.GeneratorEDMD(kt.Monomials(1, 2)).fit(x, weights).spectrum()
    >>> found = kt.condition(prior, seen_at_one, fit=fit, n_steps=20, generator=g)
    >>> found.exponents, abs(float(found.particles.mean()) - 2 / 3) < 0.05
    ((1.0,), True)

    Source: weights in arXiv 2512.18837's open question on conditional sampling; tempering as in Neal 2001 and
    Del Moral, Doucet, Jasra 2006.
    """
    x = as_points("condition", "x", x, at_least=2).detach()
    n_particles = as_count("condition", "n_particles", min(800, len(x)) if n_particles is None else n_particles)
    least = min(_LEAST, _SHARE * len(x)) if least is None else positive("condition", "least", least)
    if n_particles > len(x):
        raise ValueError(f"condition: n_particles={n_particles}, but x holds {len(x)} samples. Take fewer, or more x.")
    fit = _default_fit(generator) if fit is None else fit
    data, particles, done = x, x[:n_particles], 0.0
    levels: list[tuple[float, float, Spectrum, Run]] = []
    while done < 1:
        values = _values(log_likelihood, data)
        enough = least if not levels else min(least, _SHARE * len(data))
        tau = next_exponent(values, done, enough)
        if tau < 1:
            _refuse(values, done, tau, enough, temper, len(levels))
        if not levels:
            _warn_of_few(values)
        log_weights = (tau - done) * values
        if (done, tau) != (0, 1):  # far tails are cut by KSWGD's limiter, and the next level lives in them
            particles = data[systematic_resample(log_weights, n_particles, generator)]
        spectrum = fit(data, torch.softmax(log_weights, 0) * len(data))
        run = run_particles(KSWGD(spectrum, **options), particles, n_steps=n_steps, generator=generator, verbose=False)
        levels.append((tau, effective_sample_size(log_weights), spectrum, run))
        data = particles = run.final
        done = tau
    exponents, sizes, spectra, runs = zip(*levels)
    return Conditioned(particles, spectra[-1], exponents, sizes, runs)


def next_exponent(log_likelihood: Tensor, done: float, least: float) -> float:
    """The largest ``tau <= 1`` at which the weights ``likelihood^(tau - done)`` keep ``least`` effective samples.

    Args:
        log_likelihood: of the samples ``(n,)``, which follow ``likelihood^done * prior``.
        done: the exponent so far, in [0, 1).
        least: effective samples to keep.

    Returns:
        ``done`` where not even a small step keeps as many.
    """
    # -inf times a small number is still -inf, times zero it is NaN: `low` itself is never tried
    if effective_sample_size((1 - done) * log_likelihood) >= least:
        return 1.0
    low, high = done, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle > done and effective_sample_size((middle - done) * log_likelihood) >= least:
            low = middle
        else:
            high = middle
    return low


def _refuse(values: Tensor, done: float, tau: float, least: float, temper: bool, levels: int) -> None:
    alone = effective_sample_size((1 - done) * values)
    few = f"condition: the weights leave {alone:.3g} effective samples of {len(values)}, but least={least:g} are needed"
    if not temper:
        smaller = f"a least below {alone:.3g}, " if alone >= _TRUSTED else ""
        raise ValueError(f"{few}. Take temper=True, {smaller}more samples of the prior, or a wider likelihood.")
    positive = int((values > -torch.inf).sum())
    if positive < least:
        raise ValueError(
            f"{few}, and only {positive} have any likelihood at all, so that tempering cannot help. Take more samples "
            "of the prior, or a likelihood that fades instead of excluding."
        )
    if levels >= _MOST_LEVELS or tau - done < 1e-9:
        raise ValueError(
            f"{few}, and after {levels} levels of tempering the exponent is {tau:.3g}. Take more samples of the "
            "prior, a smaller least, or a wider likelihood."
        )


def _warn_of_few(values: Tensor) -> None:
    alone = effective_sample_size(values)
    if alone < _TRUSTED:
        warnings.warn(
            f"condition: the whole likelihood leaves {alone:.3g} effective samples of {len(values)}: spreads are "
            f"uncertain by some {100 / (2 * alone) ** 0.5:.0f} %, of these particles as of importance weights. Take "
            "more samples of the prior.",
            stacklevel=3,
        )


def _values(log_likelihood: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    values = as_float("condition", "log_likelihood", log_likelihood(x))
    hint = ", one number a sample. Sum over what was observed"
    refuse_shape("condition", "what log_likelihood returned", values, (len(x),), hint)
    _normalised("condition", values)
    return values.to(x)


def _normalised(operation: str, log_weights: Tensor) -> Tensor:
    """Weights that sum to one, ``(n,)``."""
    log_weights = as_float(operation, "log_weights", log_weights)
    if log_weights.ndim != 1 or not len(log_weights):
        raise ValueError(f"{operation}: log_weights has shape {tuple(log_weights.shape)}, but (n,) is needed.")
    if bool(log_weights.isnan().any()) or bool((log_weights == torch.inf).any()):
        raise ValueError(f"{operation}: log_weights holds NaN or +inf. They are logarithms: -inf is a weight of zero.")
    if not bool((log_weights > -torch.inf).any()):
        raise ValueError(f"{operation}: all {len(log_weights)} weights are zero: no sample has any likelihood.")
    return torch.softmax(log_weights, dim=0)


def _default_fit(generator: torch.Generator | None) -> Callable[[Tensor, Tensor], Spectrum]:
    def fit(x: Tensor, weights: Tensor) -> Spectrum:
        there = x[systematic_resample(weights.log(), len(x), generator)]
        dictionary = MultiScale.from_data(there, generator=generator)
        return GeneratorEDMD(dictionary, standardize=True).fit(x, weights).spectrum()

    return fit
