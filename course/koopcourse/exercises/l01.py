"""Lesson 01: the score of a mixture, a Langevin chain, its generator, the bias of its step, noise floors."""

from __future__ import annotations

import math
import statistics
from functools import partial

import numpy as np
import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered
from koopteach.langevin import langevin_trajectory
from koopteach.metrics import noise_floor as package_noise_floor
from koopteach.targets import DoubleWell, GaussianMixture

TITLE = "why is sampling slow?"

_tensor = partial(torch.tensor, dtype=torch.float64)


# --- L01-E1 -------------------------------------------------------------------------------------------------


def mixture_score(x, means, stds, weights):
    """sum_k p_k(x) (mu_k - x) / s_k^2 with the responsibilities p_k(x)."""
    p = _log_parts(x, means, stds, weights).softmax(1)
    return (p[:, :, None] * (means - x[:, None]) / stds[:, None] ** 2).sum(1)


def _log_parts(x, means, stds, weights):
    """log(w_k N(x; mu_k, s_k^2)) up to one constant, (n, k)."""
    square = ((x[:, None] - means) ** 2).sum(-1)
    return weights.log() - means.shape[1] * stds.log() - square / (2 * stds**2)


def _pull(p, x, means, precision):
    """sum_k p_k (mu_k - x) precision_k, for p (n, k)."""
    return (p * precision) @ means - x * (p * precision).sum(1, keepdim=True)


def _mixture_inputs(generator, dtype, n=6, k=3, d=2):
    draw = partial(torch.randn, generator=generator, dtype=dtype)
    weights = (0.7 * draw(k)).softmax(0)
    return 1.5 * draw(n, d), 1.5 * draw(k, d), 0.6 + 0.5 * draw(k).sigmoid(), weights


def _far_away(generator, dtype):
    x, means, stds, weights = _mixture_inputs(generator, dtype)
    return x + 60.0, means, stds, weights


def _far_from_the_origin(generator, dtype):
    x, means, stds, weights = _mixture_inputs(generator, dtype)
    return x + 1e6, means + 1e6, stds, weights


def _one_point_far_away(generator, dtype):
    x, means, stds, weights = _mixture_inputs(generator, dtype)
    x[0] += 100.0
    return x, means, stds, weights


def _one_mode_narrow(generator, dtype):
    """Points one standard deviation away from modes of very different width."""
    x, means, _, weights = _mixture_inputs(generator, dtype, n=3)
    stds = torch.logspace(-4, 1, 3, dtype=dtype)
    return means + stds[:, None] * x, means, stds, weights


def _alike(generator, dtype):
    """Modes of equal width and weight, two of them at one place, and points on them."""
    _, means, stds, weights = _mixture_inputs(generator, dtype, k=4)
    means[1] = means[0]
    return means.clone(), means, torch.ones_like(stds), torch.full_like(weights, 0.25)


def _one_mode_rare(generator, dtype):
    """A mode of weight 1e-12, which rules around its mean all the same, and points on the way there."""
    x, means, stds, _ = _mixture_inputs(generator, dtype)
    means[1] += 10
    way = torch.lerp(means[0], means[1], torch.linspace(0, 1, 61, dtype=dtype)[:, None])
    return torch.cat([x, way]), means, stds, torch.tensor([0.6, 1e-12, 0.4 - 1e-12], dtype=dtype)


def _same_as_the_mixture(answer, args):
    x, *parameters = args
    return agree(answer(*args), GaussianMixture(*parameters).score(x), 1e-6)


def _one_gaussian_is_linear(answer, args):
    x, means, stds, weights = args
    alone = answer(x, means[:1], stds[:1], torch.ones_like(weights[:1]))
    return agree(alone, (means[:1] - x) / stds[0] ** 2)


def _is_a_gradient(answer, args):
    x, means, stds, weights = args
    z = x.clone().requires_grad_(True)
    total = torch.logsumexp(_log_parts(z, means, stds, weights), 1).sum()
    return agree(answer(x, means, stds, weights), torch.autograd.grad(total, z)[0])


def _score_by_autograd(x, means, stds, weights):
    def log_prob(row):
        square = ((row - means) ** 2).sum(-1)
        return torch.logsumexp(weights.log() - len(row) * stds.log() - square / (2 * stds**2), 0)

    return torch.stack([torch.func.grad(log_prob)(row) for row in x])


def _score_by_products(x, means, stds, weights):
    """Without an (n, k, d) array in the sum, about the middle of the modes, where no digits are lost."""
    middle = means.mean(0)
    return _pull(_log_parts(x, means, stds, weights).softmax(1), x - middle, means - middle, stds**-2)


def _score_in_a_loop(x, means, stds, weights):
    d = means.shape[1]
    logs = []
    for mean, std, weight in zip(means, stds, weights):
        logs.append(weight.log() - d * std.log() - (x - mean).square().sum(1) / (2 * std**2))
    top = torch.stack(logs).max(0).values
    parts = [(log - top).exp() for log in logs]
    score = torch.zeros_like(x)
    for part, mean, std in zip(parts, means, stds):
        score = score + (part / sum(parts))[:, None] * (mean - x) / std**2
    return score


def _softmax_of(logs, dim=1):
    """A score whose shares are a softmax of ``logs(square distances, stds, weights, d)``."""

    def wrong(x, means, stds, weights):
        square = ((x[:, None] - means) ** 2).sum(-1)
        return _pull(logs(square, stds, weights, means.shape[1]).softmax(dim), x, means, stds**-2)

    return wrong


def _with_expanded_squares(x, means, stds, weights):
    square = x.square().sum(1, keepdim=True) + means.square().sum(1) - 2 * x @ means.T
    logs = weights.log() - means.shape[1] * stds.log() - square / (2 * stds**2)
    return _pull(logs.softmax(1), x, means, stds**-2)


def _nearest_mode_only(x, means, stds, weights):
    best = _log_parts(x, means, stds, weights).argmax(1)
    return (means[best] - x) / stds[best, None] ** 2


def _clamped(x, means, stds, weights):
    density = _log_parts(x, means, stds, weights).exp() / (2 * math.pi) ** (means.shape[1] / 2)
    return _pull(density / density.sum(1, keepdim=True).clamp_min(1e-12), x, means, stds**-2)


def _without_the_weights(x, means, stds, weights):
    return mixture_score(x, means, stds, torch.ones_like(weights))


def _without_the_normaliser(x, means, stds, weights):
    return mixture_score(x, means, stds, weights * stds ** means.shape[1])


def _far_modes_win(x, means, stds, weights):
    far = _log_parts(x, means, stds, weights) + ((x[:, None] - means) ** 2).sum(-1) / stds**2
    return _pull(far.softmax(1), x, means, stds**-2)


def _divided_by_std(x, means, stds, weights):
    return _pull(_log_parts(x, means, stds, weights).softmax(1), x, means, 1 / stds)


def _prior_weights(x, means, stds, weights):
    return _pull(weights.expand(len(x), -1), x, means, stds**-2)


def _gradient_of_the_density(x, means, stds, weights):
    density = _log_parts(x, means, stds, weights).exp() / (2 * math.pi) ** (means.shape[1] / 2)
    return _pull(density, x, means, stds**-2)


def _underflows(x, means, stds, weights):
    parts = _log_parts(x, means, stds, weights).exp()
    return _pull(parts / parts.sum(1, keepdim=True), x, means, stds**-2)


def _mixture_far_out(shift, generator, dtype):
    x, means, stds, weights = _mixture_inputs(generator, dtype, n=30, k=30)
    return x + shift, means + shift, stds, weights


def _on_the_axis(x):
    """The same points, all of them on the first axis."""
    return torch.cat([x[:, :1], torch.zeros_like(x[:, 1:])], dim=1)


def _sideways(x):
    """Points beside that axis, so far that every kernel underflows, and as near to some of its points as to others."""
    return _on_the_axis(x) + 60 * (1 - _on_the_axis(torch.ones_like(x)))


E1 = Exercise(
    id="L01-E1",
    title="The score of a Gaussian mixture",
    minutes=12,
    importance=3,
    reference=mixture_score,
    inputs=_mixture_inputs,
    example=(
        (_tensor([[0.0], [1.0]]), _tensor([[-1.0], [1.0]]), _tensor([1.0, 1.0]), _tensor([0.75, 0.25])),
        _tensor([[-0.5], [-2 * 0.75 / (0.75 + 0.25 * math.exp(2.0))]]),
    ),
    identities=(
        Identity("A mixture of one Gaussian has the score (mean - x) / std^2.", _one_gaussian_is_linear),
        Identity("The score is the gradient of the log density, as autograd finds it.", _is_a_gradient),
        Identity("It is the score of koopteach's GaussianMixture.", _same_as_the_mixture),
    ),
    edge_cases=(
        Edge(
            "points far from all modes, as near to one as to another",
            altered(_mixture_inputs, mixture_score, x=_sideways, means=_on_the_axis),
            "far",
        ),
        Edge("30 points and 30 modes very far from the origin", partial(_mixture_far_out, 1e9), "far"),
        Edge("as many points as modes and dimensions", partial(_mixture_inputs, n=3, k=3, d=3), "sizes"),
        ("points far from all modes", _far_away),
        ("points and modes far from the origin", _far_from_the_origin),
        Edge("a single point", partial(_mixture_inputs, n=1), "sizes"),
        Edge("31 points and 5 modes on the line", partial(_mixture_inputs, n=31, k=5, d=1), "sizes"),
        Edge("2 points and one mode in 17 dimensions", partial(_mixture_inputs, n=2, k=1, d=17), "sizes"),
        Edge("17 dimensions", partial(_mixture_inputs, d=17), "sizes"),
        Edge("modes that are alike, and points on them", _alike, "ties"),
        Edge("a mode of weight 1e-12", _one_mode_rare),
        Edge("one point far from all modes", _one_point_far_away, "far"),
        Edge("modes of very different width", _one_mode_narrow, "far"),
    ),
    units={"x": 1, "means": 1, "stds": 1},
    farthest=1e15,
    bounded=("weights",),
    mistakes=(
        Mistake(
            "weights-left-out",
            "You compute the responsibilities without the weights, as if all modes held the same mass.",
            _without_the_weights,
        ),
        Mistake(
            "normaliser-left-out",
            "You leave the factor 1 / std^d out of the Gaussians; it cancels only where all modes are equally wide.",
            _without_the_normaliser,
        ),
        Mistake(
            "normaliser-once",
            "You have 1 / std once in each Gaussian; in d dimensions it is 1 / std^d, so d times its logarithm.",
            _softmax_of(lambda square, stds, weights, d: weights.log() - stds.log() - square / (2 * stds**2)),
        ),
        Mistake(
            "half-left-out",
            "Your exponent is distance^2 / std^2; a Gaussian has one half of that, and without it the shares are "
            "too sharp.",
            _softmax_of(lambda square, stds, weights, d: weights.log() - d * stds.log() - square / stds**2),
        ),
        Mistake(
            "weights-not-logged",
            "You add the weights to the exponents; a factor of the density becomes its logarithm there.",
            _softmax_of(lambda square, stds, weights, d: weights - d * stds.log() - square / (2 * stds**2)),
        ),
        Mistake(
            "shares-over-the-points",
            "Your shares add up to one over the points; at each point they must add up to one over the modes.",
            _softmax_of(
                lambda square, stds, weights, d: weights.log() - d * stds.log() - square / (2 * stds**2), dim=0
            ),
        ),
        Mistake(
            "square-multiplied-out",
            "You compute |x|^2 + |mean|^2 - 2 x.mean, which loses its digits far from the origin; square the "
            "differences.",
            _with_expanded_squares,
        ),
        Mistake(
            "nearest-mode-only",
            "You let the likeliest mode pull alone; between the modes the others pull, too, each by its share.",
            _nearest_mode_only,
        ),
        Mistake(
            "density-clamped",
            "You keep the density above 1e-12, so that far from the modes nothing pulls; divide in logarithms, by "
            "softmax.",
            _clamped,
        ),
        Mistake(
            "far-modes-win",
            "You put +distance^2 into the softmax, so that the farthest mode has the largest share; it is -distance^2.",
            _far_modes_win,
        ),
        Mistake(
            "divided-by-std",
            "You divide the pull of a mode by its std; the gradient of -(x - mean)^2 / (2 std^2) has std^2.",
            _divided_by_std,
        ),
        Mistake(
            "weights-for-responsibilities",
            "You average the pulls with the weights; near a mode that mode alone must count: the shares depend on x.",
            _prior_weights,
        ),
        Mistake(
            "wrong-direction",
            "You point away from the modes; uphill in log density is means - x, not x - means.",
            lambda x, means, stds, weights: -mixture_score(x, means, stds, weights),
        ),
        Mistake(
            "gradient-of-the-density",
            "You return the gradient of the density; the score is that of its logarithm, so divide by the density.",
            _gradient_of_the_density,
        ),
        Mistake(
            "underflow",
            "You exponentiate before you normalise, and far from all modes 0 / 0 is NaN; softmax works on logarithms.",
            _underflows,
        ),
    ),
    alternatives=(_score_by_products, _score_by_autograd, _score_in_a_loop),
)


# --- L01-E2 -------------------------------------------------------------------------------------------------


def langevin_chain(score, x0, h, noise, every):
    """Every ``every``-th state of x + h s(x) + sqrt(2h) xi, the start first: (n_steps // every + 1, n, d)."""
    x, kept = x0, [x0]
    for step, kick in enumerate(noise, start=1):
        x = x + h * score(x) + math.sqrt(2 * h) * kick
        if step % every == 0:
            kept.append(x)
    return torch.stack(kept)


def _double_well(x):
    return -4 * x * (x**2 - 1)


def _pull_to_origin(x):
    return -x


def _chain_inputs(generator, dtype, n=4, d=2, n_steps=7, every=3):
    x0 = 0.5 * torch.randn(n, d, generator=generator, dtype=dtype)
    h = 0.02 + 0.03 * torch.rand((), generator=generator).item()
    return _double_well, x0, h, torch.randn(n_steps, n, d, generator=generator, dtype=dtype), every


def _in_units_of(unit, generator, dtype):
    """Lengths of ``unit`` and times of its square; of its smallest, where walkers differ in size."""
    _, x0, h, noise, every = _chain_inputs(generator, dtype)
    time = float(torch.as_tensor(unit).square().min())
    return lambda x: -x / time, unit * x0, time * h, noise, every


def _meeting(generator, dtype):
    """Two walkers at one place with the same noise, and every-th step is the last."""
    score, x0, h, noise, every = _chain_inputs(generator, dtype, n_steps=3)
    x0[1], noise[:, 1] = x0[0], noise[:, 0]
    return score, x0, h, noise, every


def _same_as_the_package(answer, args):
    seed, n_steps, every = 5, 12, 4
    x0 = torch.linspace(-1, 1, 6, dtype=torch.float64)[:, None]
    source = torch.Generator().manual_seed(seed)
    noise = torch.stack([torch.randn(6, 1, generator=source, dtype=torch.float64) for _ in range(n_steps)])
    source = torch.Generator().manual_seed(seed)
    well = DoubleWell(1.0)
    path = langevin_trajectory(well, x0, n_steps=n_steps, dt=0.03, every=every, generator=source)
    return agree(answer(well.score, x0, 0.03, noise, every), path)


def _noiseless_ou_shrinks(answer, args):
    _, x0, h, noise, _ = args
    end = answer(_pull_to_origin, x0, h, 0 * noise, 1)[-1]
    return agree(end, (1 - h) ** len(noise) * x0)


def _walk(move, x0, noise, every):
    """A chain whose step is ``move(x, kick)``."""
    states = [x0]
    for kick in noise:
        states.append(move(states[-1], kick))
    return torch.stack(states)[::every]


def _in_place(score, x0, h, noise, every):
    x, kept = x0, [x0]
    for step, kick in enumerate(noise, start=1):
        x += h * score(x) + math.sqrt(2 * h) * kick
        if step % every == 0:
            kept.append(x.clone())
    return torch.stack(kept)


def _aliased(score, x0, h, noise, every):
    x = x0.clone()
    kept = [x]
    for step, kick in enumerate(noise, start=1):
        x += h * score(x) + math.sqrt(2 * h) * kick
        if step % every == 0:
            kept.append(x)
    return torch.stack(kept)


def _in_place_and_aliased(score, x0, h, noise, every):
    kept = [x0]
    for step, kick in enumerate(noise, start=1):
        x0 += h * score(x0) + math.sqrt(2 * h) * kick
        if step % every == 0:
            kept.append(x0)
    return torch.stack(kept)


def _walks_by(move):
    """A chain whose step is ``move(score, x, h, kick)``."""
    return lambda score, x0, h, noise, every: _walk(lambda x, kick: move(score, x, h, kick), x0, noise, every)


def _after_the_kick(score, x, h, kick):
    x = x + math.sqrt(2 * h) * kick
    return x + h * score(x)


def _counts_from_zero(score, x0, h, noise, every):
    x, kept = x0, [x0]
    for step, kick in enumerate(noise):
        x = x + h * score(x) + math.sqrt(2 * h) * kick
        if step % every == 0:
            kept.append(x)
    return torch.stack(kept)


def _last_state_too(score, x0, h, noise, every):
    path = langevin_chain(score, x0, h, noise, 1)
    extra = [] if len(noise) % every == 0 else [path[-1:]]
    return torch.cat([path[::every], *extra])


def _keeps_the_step_before(score, x0, h, noise, every):
    x, kept = x0, [x0]
    for step, kick in enumerate(noise, start=1):
        if step % every == 0:
            kept.append(x)
        x = x + h * score(x) + math.sqrt(2 * h) * kick
    return torch.stack(kept)


def _frozen(score, x0, h, noise, every):
    drift = score(x0)
    return _walk(lambda x, kick: x + h * drift + math.sqrt(2 * h) * kick, x0, noise, every)


def _chain_into_a_table(score, x0, h, noise, every):
    table = torch.empty(len(noise) // every + 1, *x0.shape, dtype=x0.dtype, device=x0.device)
    table[0] = x = x0
    for row in range(1, len(table)):
        for kick in noise[(row - 1) * every : row * every]:
            x = torch.add(x, score(x), alpha=h) + (2 * h) ** 0.5 * kick
        table[row] = x
    return table


E2 = Exercise(
    id="L01-E2",
    title="A Langevin chain, thinned",
    minutes=10,
    importance=3,
    reference=langevin_chain,
    inputs=_chain_inputs,
    example=(
        (lambda x: -4 * x, _tensor([[2.0]]), 0.125, _tensor([[[0.0]], [[-1.0]], [[2.0]], [[1.0]]]), 2),
        _tensor([[[2.0]], [[0.0]], [[1.0]]]),
    ),
    identities=(
        Identity("Without noise, on the score -x, n steps multiply the start by (1 - h)^n.", _noiseless_ou_shrinks),
        Identity("With the same random numbers it is koopteach's langevin_trajectory.", _same_as_the_package),
    ),
    edge_cases=(
        Edge("as many walkers as dimensions and steps", partial(_chain_inputs, n=3, d=3, n_steps=3, every=1), "sizes"),
        Edge("every=1, all states kept", partial(_chain_inputs, every=1), "ties"),
        Edge("walkers that meet, and as many steps as every", _meeting, "ties"),
        ("fewer steps than every", partial(_chain_inputs, n_steps=2)),
        ("no steps at all", partial(_chain_inputs, n_steps=0)),
        Edge("a single walker on the line", partial(_chain_inputs, n=1, d=1), "sizes"),
        Edge("31 walkers, 3 dimensions, 40 steps", partial(_chain_inputs, n=31, d=3, n_steps=40), "sizes"),
        Edge("2 walkers, 17 dimensions", partial(_chain_inputs, n=2, d=17), "sizes"),
        Edge("very short lengths and times", partial(_in_units_of, 1e-9), "units"),
        Edge("very long lengths and times", partial(_in_units_of, 1e9), "units"),
        Edge(
            "walkers far apart",
            lambda generator, dtype: _in_units_of(torch.logspace(0, 3, 4, dtype=dtype)[:, None], generator, dtype),
            "far",
        ),
    ),
    mistakes=(
        Mistake(
            "missing-sqrt-2",
            "You scale the noise by sqrt(h) alone; our dynamics has sqrt(2) in front of dW, and with less noise the "
            "chain samples a law that is too narrow.",
            lambda score, x0, h, noise, every: _walk(
                lambda x, kick: x + h * score(x) + math.sqrt(h) * kick, x0, noise, every
            ),
        ),
        Mistake(
            "two-outside-the-root",
            "You scale the noise by 2 sqrt(h); the 2 belongs under the root: sqrt(2 h).",
            _walks_by(lambda score, x, h, kick: x + h * score(x) + 2 * math.sqrt(h) * kick),
        ),
        Mistake(
            "root-left-out",
            "You scale the noise by 2 h, without the root; a random walk spreads like the root of time: sqrt(2 h).",
            _walks_by(lambda score, x, h, kick: x + h * score(x) + 2 * h * kick),
        ),
        Mistake(
            "half-the-drift",
            "You move by h s(x) / 2, as for noise dW; with sqrt(2) dW the drift is the whole score.",
            _walks_by(lambda score, x, h, kick: x + h * score(x) / 2 + math.sqrt(2 * h) * kick),
        ),
        Mistake(
            "half-the-clock",
            "You use another clock, dX = s / 2 dt + dW, which is half as fast; ours is dX = s dt + sqrt(2) dW.",
            _walks_by(lambda score, x, h, kick: x + h * score(x) / 2 + math.sqrt(h) * kick),
        ),
        Mistake(
            "score-after-the-kick",
            "You kick first and take the score at the new place; the step takes it where it begins.",
            _walks_by(_after_the_kick),
        ),
        Mistake(
            "noise-thinned",
            "You make a step only with every every-th noise; all steps are made, and only the records are thinned.",
            lambda score, x0, h, noise, every: langevin_chain(score, x0, h, noise[every - 1 :: every], 1),
        ),
        Mistake(
            "noise-thinned-from-the-first",
            "You make a step only with every every-th noise; all steps are made, and only the records are thinned.",
            lambda score, x0, h, noise, every: langevin_chain(score, x0, h, noise[::every][: len(noise) // every], 1),
        ),
        Mistake(
            "not-thinned",
            "You keep all states; after the start only every every-th is wanted.",
            lambda score, x0, h, noise, every: langevin_chain(score, x0, h, noise, 1),
        ),
        Mistake(
            "counted-from-zero",
            "You count steps from zero, so that the first one is kept; the first record comes after every steps.",
            _counts_from_zero,
        ),
        Mistake(
            "last-state-kept-too",
            "You keep the last state even where every does not divide the number of steps; then it is no record.",
            _last_state_too,
        ),
        Mistake(
            "noise-times-h",
            "You scale the noise by h; a random walk spreads like the square root of time: sqrt(2 h).",
            lambda score, x0, h, noise, every: _walk(
                lambda x, kick: x + h * score(x) + math.sqrt(2) * h * kick, x0, noise, every
            ),
        ),
        Mistake(
            "minus-score",
            "You walk against the score; it points uphill in log density, so add it (a minus belongs to the "
            "gradient of an energy).",
            lambda score, x0, h, noise, every: _walk(
                lambda x, kick: x - h * score(x) + math.sqrt(2 * h) * kick, x0, noise, every
            ),
        ),
        Mistake(
            "score-of-the-start",
            "You evaluate the score once, at x0; the walkers move, so it must be evaluated anew in every step.",
            _frozen,
        ),
        Mistake(
            "start-left-out",
            "You do not keep the start; the first entry of the result is x0.",
            lambda *args: langevin_chain(*args)[1:],
        ),
        Mistake(
            "one-step-early",
            "You keep the state before the step instead of after it, so that each record is one step old.",
            _keeps_the_step_before,
        ),
        Mistake(
            "last-state-only",
            "You return the last state alone; all the kept ones are wanted, stacked along a new first axis.",
            lambda *args: langevin_chain(*args)[-1],
        ),
        Mistake(
            "same-tensor-kept",
            "You keep the same tensor many times and change it in place (+=), so that all records show the last state.",
            _aliased,
        ),
        Mistake(
            "same-tensor-kept-after-the-start",
            "You keep one tensor many times and change it in place (+=), so that all records after the start show "
            "the last "
            "state.",
            lambda score, x0, h, noise, every: torch.cat([x0[None], _aliased(score, x0, h, noise, every)[1:]]),
        ),
        Mistake(
            "start-overwritten-and-kept",
            "You move x0 itself (+=) and keep it each time: the caller loses the start, and all records are the "
            "last state.",
            _in_place_and_aliased,
        ),
        Mistake(
            "start-overwritten",
            "You write the new positions over x0 (+=), so that the caller loses the start.",
            _in_place,
        ),
    ),
    alternatives=(
        lambda score, x0, h, noise, every: _walk(
            lambda x, kick: x.clone().add_(score(x), alpha=h).add_(kick, alpha=math.sqrt(2 * h)), x0, noise, every
        ),
        _chain_into_a_table,
    ),
)


# --- L01-E3 -------------------------------------------------------------------------------------------------


def generator_of_square(x, theta):
    """L f for f(x) = |x|^2 and the score -theta x: 2 d - 2 theta |x|^2."""
    return 2 * x.shape[1] - 2 * theta * (x**2).sum(1)


def _ou_inputs(generator, dtype, n=6, d=3):
    theta = 0.5 + 2 * torch.rand((), generator=generator).item()
    return torch.randn(n, d, generator=generator, dtype=dtype), theta


def _points_in_balance(generator, dtype):
    """The origin, twice the same point, and points where drift and noise cancel each other."""
    x, theta = _ou_inputs(generator, dtype)
    x[0], x[1] = 0, x[2]
    x[3:] = torch.eye(3, dtype=dtype) * math.sqrt(3 / theta)
    return x, theta


def _of_many_sizes(generator, dtype):
    x, theta = _ou_inputs(generator, dtype)
    return x * torch.logspace(-2, 2, 6, dtype=dtype)[:, None] * torch.logspace(-1, 1, 3, dtype=dtype), theta


def _mean_is_zero_at_equilibrium(answer, args):
    x, theta = args
    d = x.shape[1]
    # These 2 d points have the mean squares of N(0, I / theta), and L f is a quadratic polynomial.
    cross = math.sqrt(d / theta) * torch.cat([torch.eye(d, dtype=x.dtype), -torch.eye(d, dtype=x.dtype)])
    return agree(answer(cross, theta).mean(), torch.zeros((), dtype=x.dtype), 1e-6)


def _is_the_slope_of_the_mean(answer, args):
    x, theta = args
    d, t, square = x.shape[1], 1e-6, (x**2).sum(1)
    later = math.exp(-2 * theta * t) * square + d * (1 - math.exp(-2 * theta * t)) / theta
    return agree(answer(x, theta), (later - square) / t, 1e-4)


def _generator_by_autograd(x, theta):
    def f(row):
        return row @ row

    drift = torch.stack([-theta * row @ torch.func.grad(f)(row) for row in x])
    return drift + torch.stack([torch.autograd.functional.hessian(f, row).trace() for row in x])


def _generator_by_rows(x, theta):
    rows = [sum(-theta * z * 2 * z + 2 for z in row.tolist()) for row in x]
    return torch.tensor(rows, dtype=x.dtype, device=x.device)


E3 = Exercise(
    id="L01-E3",
    title="The generator on the square of the distance",
    minutes=10,
    importance=3,
    reference=generator_of_square,
    inputs=_ou_inputs,
    example=((_tensor([[1.0, 2.0], [0.0, 0.0]]), 0.5), _tensor([-1.0, 4.0])),
    identities=(
        Identity(
            "At equilibrium nothing changes: the mean of L f over N(0, I / theta) is zero.",
            _mean_is_zero_at_equilibrium,
        ),
        Identity(
            "For a short time t the mean of |X_t|^2 is |x|^2 + t (L f)(x).",
            _is_the_slope_of_the_mean,
        ),
    ),
    edge_cases=(
        Edge("as many points as dimensions", partial(_ou_inputs, n=3, d=3), "sizes"),
        Edge("31 points on the line", partial(_ou_inputs, n=31, d=1), "sizes"),
        Edge("a single point", partial(_ou_inputs, n=1), "sizes"),
        Edge("2 points in 17 dimensions", partial(_ou_inputs, n=2, d=17), "sizes"),
        Edge("the origin, and points where L f is zero", _points_in_balance, "ties"),
        Edge("points of very different size", _of_many_sizes, "far"),
    ),
    units={"x": 1, "theta": -2},
    mistakes=(
        Mistake(
            "second-derivative-left-out",
            "You left out the Laplacian, which is what the noise does: without it all walkers fall to the origin.",
            lambda x, theta: -2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "half-laplacian",
            "You took half the Laplacian; that belongs to noise dW, and ours is sqrt(2) dW.",
            lambda x, theta: x.shape[1] - 2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "one-dimension-only",
            "You took 2 for the Laplacian of |x|^2; every coordinate contributes 2, so it is 2 d.",
            lambda x, theta: 2 - 2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "in-the-plane-only",
            "You took 4 for the Laplacian of |x|^2, as in the plane; every coordinate contributes 2, so it is 2 d.",
            lambda x, theta: 4 - 2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "number-of-points",
            "You counted the points where the coordinates count: d is the number of columns, x.shape[1].",
            lambda x, theta: 2 * len(x) - 2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "theta-at-the-noise",
            "You multiply the Laplacian by theta as well; only the drift has it.",
            lambda x, theta: 2 * theta * x.shape[1] - 2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "length-not-squared",
            "You multiply by the distance; s . grad f is -2 theta times its square.",
            lambda x, theta: 2 * x.shape[1] - 2 * theta * x.norm(dim=1),
        ),
        Mistake(
            "laplacian-subtracted",
            "You subtract the Laplacian; the generator is s . grad f + Laplacian of f.",
            lambda x, theta: -2 * x.shape[1] - 2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "drift-uphill",
            "You add 2 theta |x|^2; the score is -theta x and pulls towards the origin.",
            lambda x, theta: 2 * x.shape[1] + 2 * theta * (x**2).sum(1),
        ),
        Mistake(
            "minus-the-generator",
            "You return -L f; its sign is wrong: at the origin the mean of |X|^2 can only grow.",
            lambda x, theta: 2 * theta * (x**2).sum(1) - 2 * x.shape[1],
        ),
        Mistake(
            "gradient-without-2",
            "You took x for the gradient of |x|^2; it is 2 x.",
            lambda x, theta: 2 * x.shape[1] - theta * (x**2).sum(1),
        ),
        Mistake(
            "theta-left-out",
            "You left out theta; the drift is the score -theta x, and only theta = 1 would hide it.",
            lambda x, theta: 2 * x.shape[1] - 2 * (x**2).sum(1),
        ),
        Mistake(
            "not-summed",
            "You return one value for each coordinate; L f is a function of the point, so sum over the coordinates.",
            lambda x, theta: 2 - 2 * theta * x**2,
        ),
    ),
    alternatives=(
        _generator_by_autograd,
        _generator_by_rows,
        lambda x, theta: (2 - 2 * theta * x * x).sum(dim=1),
        lambda x, theta: 2 * x.shape[1] - 2 * theta * torch.einsum("nd,nd->n", x, x),
    ),
)


# --- L01-E4 -------------------------------------------------------------------------------------------------


def ula_variance(h, theta):
    """The variance that x <- (1 - theta h) x + sqrt(2h) xi keeps, 1 / (theta (1 - theta h / 2)); inf if none."""
    variance = 1 / (theta * (1 - theta * h / 2))
    return torch.where(theta * h < 2, variance, torch.inf)


def _step_sizes(generator, dtype, low=0.05, high=0.9, n=5):
    theta = 0.5 + 2 * torch.rand((), generator=generator).item()
    share = low + (high - low) * torch.rand(n, generator=generator, dtype=dtype)
    return share / theta, theta


def _stays_put(answer, args):
    h, theta = args
    variance = answer(h, theta)
    return agree((1 - theta * h) ** 2 * variance + 2 * h, variance)


def _right_as_the_step_vanishes(answer, args):
    h, theta = args
    return agree(answer(1e-9 * h, theta), torch.full_like(h, 1 / theta), 1e-6)


def _where_stable(formula):
    return lambda h, theta: torch.where(theta * h < 2, formula(h, theta), torch.inf)


def _variance_from_a_quotient(h, theta):
    shrink = theta * h
    return torch.where(shrink < 2, 2 * h / (shrink * (2 - shrink)), torch.inf)


def _variance_and_excess(h, theta):
    """The target's variance and what the step adds."""
    return torch.where((1 - theta * h).abs() < 1, 1 / theta + h / (2 - theta * h), torch.inf)


def _variance_that_cancels(h, theta):
    return torch.where(theta * h < 2, 2 * h / (1 - (1 - theta * h) ** 2), torch.inf)


def _at_the_bound(generator, dtype):
    """Steps of 1 / theta, a little below 2 / theta, exactly there, the first at which nothing settles, and above."""
    return torch.tensor([0.25, 0.5, 0.5, 1 - 1e-6, 1.0, 1 + 1e-6, 2.0], dtype=dtype), 2.0


def _next_to_the_bound(generator, dtype):
    return torch.tensor([1 - 2.0**-40, 1.0, 1 + 2.0**-40], dtype=dtype), 2.0


def _steps_of_many_sizes(generator, dtype):
    return torch.logspace(-12, 0, 7, dtype=dtype), 1.5


def _variance_one_by_one(h, theta):
    values = [2 / (theta * (2 - theta * step)) if theta * step < 2 else math.inf for step in h.tolist()]
    return torch.tensor(values, dtype=h.dtype, device=h.device)


E4 = Exercise(
    id="L01-E4",
    title="What a finite step does to the variance",
    minutes=10,
    importance=2,
    reference=ula_variance,
    inputs=_step_sizes,
    example=((_tensor([0.5, 1.0, 3.0]), 1.0), _tensor([4 / 3, 2.0, math.inf])),
    identities=(
        Identity("One step does not change it: (1 - theta h)^2 variance + 2 h = variance.", _stays_put),
        Identity("As h goes to zero it becomes the variance of the target, 1 / theta.", _right_as_the_step_vanishes),
    ),
    edge_cases=(
        ("steps between 1 / theta and 2 / theta", partial(_step_sizes, low=1.05, high=1.9)),
        ("steps beyond 2 / theta", partial(_step_sizes, low=2.1, high=3.0)),
        Edge("a single step size", partial(_step_sizes, n=1), "sizes"),
        Edge("31 step sizes", partial(_step_sizes, n=31), "sizes"),
        Edge("steps of exactly 1 / theta and 2 / theta", _at_the_bound, "ties"),
        Edge("steps within rounding of 2 / theta", _next_to_the_bound, "far"),
        Edge("step sizes from 1e-12 to 1", _steps_of_many_sizes, "far"),
    ),
    units={"h": 1, "theta": -1},
    farthest=1e15,
    mistakes=(
        Mistake(
            "target-variance",
            "You return the variance of the target; that is the limit of small steps, and a finite step widens it.",
            _where_stable(lambda h, theta: torch.full_like(h, 1 / theta)),
        ),
        Mistake(
            "first-order",
            "You stopped the expansion after the first power of h; the equation can be solved exactly.",
            _where_stable(lambda h, theta: (1 + theta * h / 2) / theta),
        ),
        Mistake(
            "no-half",
            "You have 1 - theta h where 1 - theta h / 2 belongs: the square (1 - theta h)^2 has the term -2 theta h.",
            _where_stable(lambda h, theta: 1 / (theta * (1 - theta * h))),
        ),
        Mistake(
            "upside-down",
            "You multiply by 1 - theta h / 2 where you should divide: the noise of a finite step widens the law.",
            _where_stable(lambda h, theta: (1 - theta * h / 2) / theta),
        ),
        Mistake(
            "shrink-not-squared",
            "You shrink the variance by 1 - theta h; the position shrinks by that, the variance by its square.",
            _where_stable(lambda h, theta: torch.full_like(h, 2 / theta)),
        ),
        Mistake(
            "cancels-for-small-steps",
            "Your formula is right, but 1 - (1 - theta h)^2 loses all digits for small h; multiply it out: "
            "theta h (2 - theta h).",
            _variance_that_cancels,
        ),
        Mistake(
            "half-the-noise",
            "You add the variance h in each step; the noise sqrt(2 h) xi has the variance 2 h.",
            lambda h, theta: ula_variance(h, theta) / 2,
        ),
        Mistake(
            "theta-left-out-in-front",
            "You left out 1 / theta in front; as h goes to zero the variance must become that of the target, 1 / "
            "theta.",
            _where_stable(lambda h, theta: 2 / (2 - theta * h)),
        ),
        Mistake(
            "unstable-too-early",
            "You call the chain unstable from h = 1 / theta on; there it only jumps over the origin, up to 2 / theta.",
            lambda h, theta: torch.where(theta * h < 1, 1 / (theta * (1 - theta * h / 2)), torch.inf),
        ),
        Mistake(
            "unstable-from-two-on",
            "You compare h with 2; only theta h, which has no unit, can be compared with a number.",
            lambda h, theta: torch.where(h < 2, 1 / (theta * (1 - theta * h / 2)), torch.inf),
        ),
        Mistake(
            "nan-for-infinity",
            "You return NaN where the chain does not settle; its variance grows beyond all bounds, so return infinity.",
            lambda h, theta: torch.where(theta * h < 2, 1 / (theta * (1 - theta * h / 2)), torch.nan),
        ),
        Mistake(
            "zero-for-infinity",
            "You return zero where the chain does not settle; its variance grows beyond all bounds, so return "
            "infinity.",
            lambda h, theta: torch.where(theta * h < 2, 1 / (theta * (1 - theta * h / 2)), 0.0),
        ),
        Mistake(
            "standard-deviation",
            "You return the standard deviation; the variance is asked for.",
            lambda h, theta: ula_variance(h, theta).sqrt(),
        ),
        Mistake(
            "theta-left-out-of-the-bracket",
            "You have 1 - h / 2 in place of 1 - theta h / 2; only theta h, which has no unit, can be compared with 2.",
            lambda h, theta: torch.where(h < 2, 1 / (theta * (1 - h / 2)), torch.inf),
        ),
        Mistake(
            "negative-variance",
            "Your formula is right up to h = 2 / theta and negative beyond, where the chain explodes; return infinity.",
            lambda h, theta: 1 / (theta * (1 - theta * h / 2)),
        ),
    ),
    alternatives=(_variance_from_a_quotient, _variance_and_excess, _variance_one_by_one),
)


# --- L01-E5 -------------------------------------------------------------------------------------------------


def noise_floor(metric, draws):
    """Mean and standard deviation of the metric over draws (repeats, n, d) of exact samples."""
    rows = iter(draws)
    repeats, n, _ = draws.shape
    return package_noise_floor(metric, lambda *_: next(rows), n, repeats=repeats)


def _radius(x):
    """How far the mean of a sample is from the origin: zero for infinitely many points of N(0, I)."""
    return float(x.mean(dim=0).norm())


def _draws(generator, dtype, repeats=6, n=4, d=2):
    return _radius, torch.randn(repeats, n, d, generator=generator, dtype=dtype)


def _draws_alike(generator, dtype):
    metric, draws = _draws(generator, dtype)
    return metric, draws[:1].repeat(4, 1, 1)


def _one_draw_far_away(generator, dtype):
    metric, draws = _draws(generator, dtype, repeats=50)
    draws[2] = 1e3 * draws[2]
    return metric, draws


def _large_and_alike(generator, dtype):
    """Values of ten million that are a few apart."""
    metric, draws = _draws(generator, torch.float64)
    return lambda x: float(round(1e7 + 4 * metric(x))), draws


def _first_entry(x):
    return float(x[0, 0])


def _constant_has_no_spread(answer, args):
    mean, sd = answer(lambda x: 2.5, args[1])
    return agree(mean, 2.5) and agree(sd, 0.0)


def _sees_one_draw_at_a_time(answer, args):
    n = args[1].shape[1]
    mean, _ = answer(lambda x: float(len(x)), args[1])
    return agree(mean, float(n))


def _values(metric, draws):
    return torch.tensor([metric(draw) for draw in draws], dtype=torch.float64)


def _floor_with(statistic):
    """A floor whose spread is ``statistic(values)``."""
    return lambda metric, draws: (_values(metric, draws).mean().item(), float(statistic(_values(metric, draws))))


def _squares_less_square(values):
    n = len(values)
    return ((values.square().mean() - values.mean().square()).clamp_min(0) * n / (n - 1)).sqrt()


def _floor_by_numpy(metric, draws):
    values = np.array([metric(draw) for draw in draws])
    return values.mean(), values.std(ddof=1)


def _floor_by_hand(metric, draws):
    values = [metric(draw) for draw in draws]
    mean = sum(values) / len(values)
    square = sum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(square / (len(values) - 1))


E5 = Exercise(
    id="L01-E5",
    title="The noise floor",
    minutes=8,
    importance=3,
    reference=noise_floor,
    inputs=_draws,
    example=((_first_entry, _tensor([[[1.0], [7.0]], [[2.0], [7.0]], [[6.0], [7.0]]])), (3.0, math.sqrt(7.0))),
    identities=(
        Identity("A metric that always says 2.5 has the floor 2.5 with spread 0.", _constant_has_no_spread),
        Identity("The metric sees n points at a time, one draw.", _sees_one_draw_at_a_time),
    ),
    edge_cases=(
        Edge("two draws only", partial(_draws, repeats=2), "sizes"),
        Edge("31 draws of one point on the line", partial(_draws, repeats=31, n=1, d=1), "sizes"),
        Edge("3 draws of 31 points in 17 dimensions", partial(_draws, repeats=3, n=31, d=17), "sizes"),
        Edge("draws that are all the same", _draws_alike, "ties"),
        Edge("one draw of a very different size", _one_draw_far_away, "far"),
        Edge("values that are large and alike", _large_and_alike, "far"),
    ),
    units={"draws": 1},
    mistakes=(
        Mistake(
            "squares-less-square",
            "You subtract the square of the mean from the mean square; large values that are alike lose their digits.",
            _floor_with(_squares_less_square),
        ),
        Mistake(
            "all-draws-pooled",
            "You hand all draws to the metric at once; that is the floor of a much larger sample, and far too low.",
            lambda metric, draws: (metric(draws.flatten(0, 1)), 0.0),
        ),
        Mistake(
            "mean-of-all-draws-pooled",
            "You take the metric of all draws in one heap for the mean; each draw must be judged by itself.",
            lambda metric, draws: (metric(draws.flatten(0, 1)), noise_floor(metric, draws)[1]),
        ),
        Mistake(
            "exchanged",
            "You return the standard deviation first; the mean comes first.",
            lambda metric, draws: noise_floor(metric, draws)[::-1],
        ),
        Mistake(
            "mean-absolute-deviation",
            "You average the absolute deviations; the standard deviation is the root of the mean square.",
            _floor_with(lambda values: (values - values.mean()).abs().mean()),
        ),
        Mistake(
            "first-draw-only",
            "You measure the first draw alone; one number has no spread, and you cannot know whether it is typical.",
            lambda metric, draws: (metric(draws[0]), 0.0),
        ),
        Mistake(
            "divided-by-repeats",
            "You divide the squares by the number of draws; the mean was estimated from the same draws, so divide "
            "by one less.",
            _floor_with(lambda values: values.std(correction=0)),
        ),
        Mistake(
            "standard-error",
            "You return the standard error of the mean; a new sample scatters by the standard deviation, however many "
            "draws the floor is made of.",
            _floor_with(lambda values: values.std() / math.sqrt(len(values))),
        ),
        Mistake(
            "variance-for-sd",
            "You return the variance; take its square root, so that it has the unit of the metric.",
            _floor_with(lambda values: values.var()),
        ),
        Mistake(
            "median-for-mean",
            "You return the median; the floor of this course is the mean.",
            lambda metric, draws: (statistics.median(map(metric, draws)), noise_floor(metric, draws)[1]),
        ),
        Mistake(
            "lower-median-for-mean",
            "You return torch's median, the lower of the two middle values; the floor of this course is the mean.",
            lambda metric, draws: (_values(metric, draws).median().item(), noise_floor(metric, draws)[1]),
        ),
        Mistake(
            "wrong-axis",
            "You loop over the points of a draw instead of the draws; the first axis counts the draws.",
            lambda metric, draws: noise_floor(metric, draws.transpose(0, 1)),
        ),
    ),
    alternatives=(_floor_by_numpy, _floor_by_hand, _floor_with(lambda values: values.std())),
)

EXERCISES = (E1, E2, E3, E4, E5)
