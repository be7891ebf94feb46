"""Lesson 15: statistics that add, one step on several machines, answers that come twice or never, and what fits."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake

TITLE = "Scaling out: what two machines must tell each other"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


# --- L15-E1 -------------------------------------------------------------------------------------------------


def joined(weights, means, covs):
    """Mean and covariance of all points from those of the parts."""
    share = weights / weights.sum()
    mean = share @ means
    apart = means - mean
    return mean, torch.einsum("k,kij->ij", share, covs) + (apart * share[:, None]).T @ apart


def _parts(generator, dtype, k=4, d=3, far=0.0):
    weights = 1 + 9 * torch.rand(k, generator=generator, dtype=dtype)
    means = 2 + torch.randn(k, d, generator=generator, dtype=dtype) + far
    roots = torch.randn(k, d, d, generator=generator, dtype=dtype)
    return weights, means, roots @ roots.transpose(1, 2) / d


def _single_points(generator, dtype):
    """Parts of one point each, which have no covariance of their own."""
    weights, means, covs = _parts(generator, dtype, k=6, d=2)
    return torch.ones_like(weights), means, torch.zeros_like(covs)


def _same_mean(generator, dtype):
    weights, means, covs = _parts(generator, dtype)
    return weights, means[:1].expand_as(means).clone(), covs


def _empty_part(generator, dtype):
    weights, means, covs = _parts(generator, dtype)
    weights[1] = 0
    return weights, means, covs


def _one_giant(generator, dtype):
    weights, means, covs = _parts(generator, dtype)
    return weights * torch.tensor([1e5, 1.0, 1.0, 1.0], dtype=dtype), means, covs


def _far_from_zero(generator, dtype):
    """Means of a million with spreads of one: a difference of two squares would keep no digit."""
    return _parts(generator, dtype, far=1e7 if dtype == torch.float64 else 1e3)


def _columns_apart(generator, dtype):
    weights, means, covs = _parts(generator, dtype)
    size = torch.tensor([1e-3, 1.0, 1e3], dtype=dtype)
    return weights, means * size, covs * torch.outer(size, size)


def _joined_one_by_one(weights, means, covs):
    total, mean, scatter = weights[0] * 0, means[0] * 0, covs[0] * 0
    for w, m, c in zip(weights, means, covs):
        gap, total = m - mean, total + w
        mean = mean + gap * (w / total if total > 0 else 0)
        scatter = scatter + w * c + w * torch.outer(gap, m - mean)
    return mean, scatter / total


def _joined_by_numpy(weights, means, covs):
    w, m, c = weights.numpy(), means.numpy(), covs.numpy()
    mean = np.average(m, axis=0, weights=w)
    second = c + (m - mean)[:, :, None] * (m - mean)[:, None, :]
    return torch.from_numpy(mean), torch.from_numpy(np.average(second, axis=0, weights=w))


def _joined_pairwise(weights, means, covs):
    """Without the joint mean: by the distances of every two means."""
    share = weights / weights.sum()
    apart = means[:, None] - means[None]
    between = torch.einsum("k,l,kli,klj->ij", share, share, apart, apart) / 2
    return means.T @ share, (covs * share[:, None, None]).sum(0) + between


def _joined(share=None, within=None, between=None):
    """The answer with parts of it replaced."""

    def answer(weights, means, covs):
        right = weights / weights.sum()
        mean = (right if share is None else share(weights)) @ means
        apart = means - mean
        cov = torch.einsum("k,kij->ij", right if within is None else within(weights), covs)
        return mean, cov + (apart * (right if between is None else between(weights))[:, None]).T @ apart

    return answer


def _equal(weights):
    return torch.full_like(weights, 1 / len(weights))


def _difference_of_squares(weights, means, covs):
    share = weights / weights.sum()
    mean = share @ means
    second = torch.einsum("k,kij->ij", share, covs + means[:, :, None] * means[:, None, :])
    return mean, second - torch.outer(mean, mean)


E1 = Exercise(
    id="L15-E1",
    title="Statistics that add",
    minutes=10,
    importance=3,
    reference=joined,
    inputs=_parts,
    example=(
        (_tensor([3.0, 1.0]), _tensor([[2.0], [6.0]]), _tensor([[[1.0]], [[0.0]]])),
        (_tensor([3.0]), _tensor([[3.75]])),
    ),
    identities=(
        Identity(
            "The order of the parts does not matter.",
            lambda answer, args: agree(answer(*(part.flip(0) for part in args)), answer(*args), 1e-6),
        ),
        Identity(
            "Two parts of half the weight, equal to each other, are worth that part.",
            lambda answer, args: agree(
                answer(*(torch.cat([part, part]) / (2 if part.dim() == 1 else 1) for part in args)), answer(*args), 1e-6
            ),
        ),
        Identity(
            "First two parts joined, then the others, gives the same.",
            lambda answer, args: agree(answer(*_first_two_joined(answer, *args)), answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        Edge("a single part", partial(_parts, k=1), "sizes"),
        Edge("as many parts as columns", partial(_parts, k=3, d=3), "sizes"),
        Edge("one column", partial(_parts, k=5, d=1), "sizes"),
        Edge("parts that are single points", _single_points, "ties"),
        Edge("parts that have one mean", _same_mean, "ties"),
        Edge("a part without weight", _empty_part, "ties"),
        Edge("one part with nearly all the weight", _one_giant, "far"),
        Edge("columns of very different size", _columns_apart, "far"),
        Edge("means that are far from zero", _far_from_zero, "far"),
    ),
    units={"means": 1, "covs": 2},
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "means-averaged",
            "You average the means; a part with three times the weight counts three times. Weigh them.",
            _joined(share=_equal),
        ),
        Mistake(
            "everything-averaged",
            "You give each part the same say; parts count by their weights.",
            lambda weights, means, covs: joined(torch.ones_like(weights), means, covs),
        ),
        Mistake(
            "within-alone",
            "You average the covariances alone; that the parts' means differ is variance, too.",
            _joined(between=torch.zeros_like),
        ),
        Mistake(
            "between-alone",
            "You take the scatter of the means alone; the points of a part scatter around its mean as well.",
            _joined(within=torch.zeros_like),
        ),
        Mistake(
            "covariances-added",
            "You add up the covariances; only sums over points add. A covariance is a mean: weigh it.",
            _joined(within=torch.ones_like),
        ),
        Mistake(
            "sums-not-divided",
            "You multiply each covariance by its weight and never divide by all the weight.",
            _joined(within=lambda weights: weights),
        ),
        Mistake(
            "between-unweighted",
            "You weigh the covariances, but not the distances of the means.",
            _joined(between=_equal),
        ),
        Mistake(
            "within-unweighted",
            "You weigh the distances of the means, but not the covariances.",
            _joined(within=_equal),
        ),
        Mistake(
            "weights-squared",
            "You square the shares, as for the variance of a mean; the covariance of the points is asked for.",
            _joined(within=lambda w: (w / w.sum()) ** 2, between=lambda w: (w / w.sum()) ** 2),
        ),
        Mistake(
            "one-less",
            "You divide by the weight less one; all sums are divided by all the weight here.",
            lambda weights, means, covs: (
                joined(weights, means, covs)[0],
                joined(weights, means, covs)[1] * weights.sum() / (weights.sum() - 1),
            ),
        ),
        Mistake(
            "difference-of-squares",
            "You subtract the square of the mean from the mean of squares: far from zero no digit is left. "
            "Subtract the mean first.",
            _difference_of_squares,
        ),
    ),
    alternatives=(_joined_one_by_one, _joined_by_numpy, _joined_pairwise),
)


def _first_two_joined(answer, weights, means, covs):
    if len(weights) < 3:
        return weights, means, covs
    mean, cov = answer(weights[:2], means[:2], covs[:2])
    rest = (weights[2:], means[2:], covs[2:])
    return tuple(
        torch.cat([first, more]) for first, more in zip((weights[:2].sum()[None], mean[None], cov[None]), rest)
    )


# --- L15-E2 -------------------------------------------------------------------------------------------------


def shared_weights(shards, energies, damping):
    """The weights of the modes for particles that live on several machines."""
    n = sum(len(phi) for phi, _ in shards)
    m = sum(phi.sum(dim=0) for phi, _ in shards) / n
    metric = sum(torch.einsum("nkd,nld->kl", slopes, slopes) for _, slopes in shards) / n
    return _solved(m, metric, energies, damping)


def _solved(m, metric, energies, damping):
    root = energies.sqrt()  # a system whose condition number is at most 1 + largest eigenvalue / damping
    scaled = metric / torch.outer(root, root) + damping * torch.eye(len(m), dtype=m.dtype)
    return (1 + damping) * torch.linalg.solve(scaled, m / root) / root


def _shards(generator, dtype, sizes=(5, 2, 4), r=3, d=2, damping=0.5, energies=None):
    shards = []
    for n in sizes:
        phi = 0.5 + torch.randn(n, r, generator=generator, dtype=dtype)
        shards.append((phi, torch.randn(n, r, d, generator=generator, dtype=dtype) + 0.3))
    rates = 0.5 + 2 * torch.rand(r, generator=generator, dtype=dtype).sort().values if energies is None else energies
    return shards, rates.to(dtype), damping


def _rates_apart(generator, dtype):
    return _shards(generator, dtype, energies=torch.tensor([1e-3, 1.0, 1e3]))


def _still_shard(generator, dtype):
    """A shard whose particles lie where all functions are flat."""
    shards, energies, damping = _shards(generator, dtype)
    shards[1] = (torch.zeros_like(shards[1][0]), torch.zeros_like(shards[1][1]))
    return shards, energies, damping


def _equal_slopes(generator, dtype):
    """All slopes of a function alike, so that the metric is singular."""
    shards, energies, damping = _shards(generator, dtype, sizes=(1, 3), r=2, d=1)
    return [(phi, torch.ones_like(slopes)) for phi, slopes in shards], energies, damping


def _weights_of_all(shards, energies, damping):
    phi = torch.cat([phi for phi, _ in shards])
    flat = torch.cat([slopes for _, slopes in shards]).transpose(1, 2).flatten(0, 1)  # (n d, r)
    lam = torch.diag(energies)
    return (1 + damping) * torch.linalg.inv(flat.T @ flat / len(phi) + damping * lam) @ phi.mean(0)


def _weights_by_all_reduce(shards, energies, damping):
    """As a machine would: three sums in one message."""
    r = len(energies)
    total = torch.zeros(1 + r + r * r, dtype=energies.dtype)
    for phi, slopes in shards:
        metric = sum(slopes[:, :, i].T @ slopes[:, :, i] for i in range(slopes.shape[2]))
        total += torch.cat([torch.tensor([len(phi)]).to(total), phi.sum(0), metric.flatten()])
    m, metric = total[1 : 1 + r] / total[0], total[1 + r :].reshape(r, r) / total[0]
    return torch.linalg.solve((metric + damping * torch.diag(energies)) / (1 + damping), m)


def _local(shards, energies, damping):
    """Each machine's own moments, metrics and numbers of particles."""
    return [(phi.mean(0), torch.einsum("nkd,nld->kl", slopes, slopes) / len(phi), len(phi)) for phi, slopes in shards]


def _weights_averaged(shards, energies, damping):
    solved = [n * _solved(m, metric, energies, damping) for m, metric, n in _local(shards, energies, damping)]
    return sum(solved) / sum(len(phi) for phi, _ in shards)


def _first_metric(shards, energies, damping):
    n = sum(len(phi) for phi, _ in shards)
    m = sum(phi.sum(dim=0) for phi, _ in shards) / n
    return _solved(m, _local(shards, energies, damping)[0][1], energies, damping)


def _means_of_means(shards, energies, damping):
    local = _local(shards, energies, damping)
    m, metric = (sum(part[k] for part in local) / len(local) for k in (0, 1))
    return _solved(m, metric, energies, damping)


def _joint(m_scale=1.0, gain=lambda eps: 1 + eps, metric_of=None, identity=False, eps=lambda eps: eps):
    """The answer with parts of it replaced."""

    def answer(shards, energies, damping):
        phi = torch.cat([phi for phi, _ in shards])
        slopes = torch.cat([slopes for _, slopes in shards])
        m = phi.mean(0) * (m_scale if m_scale != "sum" else len(phi))
        metric = torch.einsum("nkd,nld->kl", slopes, slopes) / len(phi) if metric_of is None else metric_of(slopes)
        lam = torch.eye(len(m), dtype=m.dtype) if identity else torch.diag(energies)
        return gain(damping) * torch.linalg.solve(metric + eps(damping) * lam, m)

    return answer


def _of_mean_slopes(slopes):
    mean = slopes.mean(0)
    return mean @ mean.T


E2 = Exercise(
    id="L15-E2",
    title="One step, two machines",
    minutes=12,
    importance=3,
    reference=shared_weights,
    inputs=_shards,
    example=(
        (
            [(_tensor([[1.0]]), _tensor([[[1.0]]])), (_tensor([[2.0]]), _tensor([[[3.0]]]))],
            _tensor([1.0]),
            1.0,
        ),
        _tensor([0.5]),
    ),
    identities=(
        Identity(
            "The order of the machines does not matter.",
            lambda answer, args: agree(answer(args[0][::-1], *args[1:]), answer(*args), 1e-5),
        ),
        Identity(
            "It does not matter where a particle lives: all of them on one machine give the same.",
            lambda answer, args: agree(
                answer([tuple(torch.cat(parts) for parts in zip(*args[0]))], *args[1:]), answer(*args), 1e-5
            ),
        ),
        Identity(
            "Three times the functions phi, with the same slopes, are three times the weights.",
            lambda answer, args: agree(
                answer([(3 * phi, slopes) for phi, slopes in args[0]], *args[1:]), 3 * answer(*args), 1e-5
            ),
        ),
    ),
    edge_cases=(
        Edge("a single machine", partial(_shards, sizes=(7,)), "sizes"),
        Edge("one particle, one mode, one column", partial(_shards, sizes=(1, 1), r=1, d=1), "sizes"),
        Edge("as many particles as modes and columns", partial(_shards, sizes=(3, 3), r=3, d=3), "sizes"),
        Edge("a machine with most of the particles", partial(_shards, sizes=(200, 1, 3)), "far"),
        Edge("rates from a thousandth to a thousand", _rates_apart, "far"),
        Edge("particles that nothing moves", _still_shard, "ties"),
        Edge("slopes that are all alike", _equal_slopes, "ties"),
        Edge("hardly any damping", partial(_shards, sizes=(20, 9), damping=1e-3)),
        Edge("heavy damping", partial(_shards, damping=50.0)),
    ),
    without={"units": "the shards are a list; that rates may be of any size is an edge of its own"},
    tolerance=1e-6,
    mistakes=(
        Mistake(
            "weights-averaged",
            "You solve on each machine and average the solutions; the solution is no sum. Add m and M, then solve.",
            _weights_averaged,
        ),
        Mistake(
            "local-metric",
            "You take the metric of the first machine's particles alone; M is a mean over all particles, as m is.",
            _first_metric,
        ),
        Mistake(
            "mean-of-means",
            "You average the machines' means; they hold different numbers of particles. Add sums, and divide once.",
            _means_of_means,
        ),
        Mistake(
            "metric-of-the-mean",
            "You multiply mean slopes; M is the mean of products: 1 and 3 give (1 + 9) / 2 = 5 and not 4.",
            _joint(metric_of=_of_mean_slopes),
        ),
        Mistake(
            "metric-not-divided",
            "You add up the products of slopes and never divide by the number of particles.",
            _joint(metric_of=lambda slopes: torch.einsum("nkd,nld->kl", slopes, slopes)),
        ),
        Mistake("moments-not-divided", "You add up phi and never divide by the number of particles.", _joint("sum")),
        Mistake(
            "diagonal-alone",
            "You keep the diagonal of M alone; the products of different modes belong to it.",
            _joint(metric_of=lambda slopes: torch.diag(slopes.square().sum(2).mean(0))),
        ),
        Mistake("gain-forgotten", "You forget the factor 1 + damping.", _joint(gain=lambda eps: 1.0)),
        Mistake("undamped", "You leave damping times the energies out of the system.", _joint(eps=lambda eps: 0.0)),
        Mistake(
            "damped-by-one",
            "You damp by the identity; the damping is that many times the energies.",
            _joint(identity=True),
        ),
        Mistake("upward", "Your weights have the other sign; the velocity is their negative already.", _joint(-1.0)),
        Mistake(
            "papers-metric",
            "You divide by the energies, the paper's metric; here the metric at the particles is asked for.",
            lambda shards, energies, damping: torch.cat([phi for phi, _ in shards]).mean(0) / energies,
        ),
    ),
    alternatives=(_weights_of_all, _weights_by_all_reduce),
)


# --- L15-E3 -------------------------------------------------------------------------------------------------


def collected(parts, sums, n_parts):
    """The sum of every part's first whole answer, and the parts that gave none."""
    total, seen = torch.zeros_like(sums[0]), set()
    for part, values in zip(parts.tolist(), sums):
        if part not in seen and bool(values.isfinite().all()):
            total = total + values
            seen.add(part)
    return total, torch.tensor([part for part in range(n_parts) if part not in seen], dtype=torch.long)


def _messages(generator, dtype, n_parts=6, retried=3, lost=2, m=3, torn=1):
    """Answers in random order: some come twice, some parts never answer, some answers are torn."""
    values = 1 + torch.randn(n_parts, m, generator=generator, dtype=dtype)
    order = torch.randperm(n_parts, generator=generator)
    present = order[: max(1, n_parts - lost)]
    again = present[torch.randint(len(present), (retried,), generator=generator)]
    parts = torch.cat([present, again])
    parts = parts[torch.randperm(len(parts), generator=generator)]
    sums = values[parts]
    for k in range(min(torn, retried)):  # the first answer of a part that was asked again
        first = int((parts == again[k]).nonzero()[0])
        sums[first, k % m] = torch.nan
    return parts, sums, n_parts


def _all_torn(generator, dtype):
    parts, sums, n_parts = _messages(generator, dtype, torn=0)
    return parts, sums * torch.nan, n_parts


def _torn_by_infinity(generator, dtype):
    parts, sums, n_parts = _messages(generator, dtype, torn=0)
    sums[0, 0] = torch.inf
    return parts, sums, n_parts


def _zeros(generator, dtype):
    """Whole answers that are zero, which count as answers."""
    parts, sums, n_parts = _messages(generator, dtype, torn=0)
    sums[parts == parts[0]] = 0
    return parts, sums, n_parts


def _equal_answers(generator, dtype):
    """Different parts whose answers are alike."""
    parts, sums, n_parts = _messages(generator, dtype, torn=0)
    return parts, torch.ones_like(sums), n_parts


def _sizes_apart(generator, dtype):
    parts, sums, n_parts = _messages(generator, dtype)
    return parts, sums * torch.tensor([1e-3, 1.0, 1e3], dtype=dtype), n_parts


def _collected_by_dict(parts, sums, n_parts):
    first = {}
    for part, values in zip(parts.tolist(), sums):
        if not torch.isnan(values).any() and not torch.isinf(values).any():
            first.setdefault(part, values)
    total = sum(first.values(), torch.zeros(sums.shape[1], dtype=sums.dtype))
    return total, torch.tensor(sorted(set(range(n_parts)) - set(first)), dtype=torch.long)


def _collected_by_sorting(parts, sums, n_parts):
    whole = sums.isfinite().all(dim=1)
    parts, sums = parts[whole], sums[whole]
    there, place = np.unique(parts.numpy(), return_index=True)
    return sums[torch.from_numpy(place)].sum(0), torch.from_numpy(np.setdiff1d(np.arange(n_parts), there))


def _collected(keep=None, missing=None, whole=None, last=False):
    """The answer with parts of it replaced; a message is kept if ``keep(part, seen)``."""

    def answer(parts, sums, n_parts):
        total, seen = torch.zeros_like(sums[0]), set()
        messages = list(zip(parts.tolist(), sums))
        for part, values in messages[::-1] if last else messages:
            fine = bool(values.isfinite().all()) if whole is None else whole(values)
            if fine and (part not in seen if keep is None else keep(part, seen)):
                total = total + values
            if fine or whole is not None:
                seen.add(part)
        gone = [part for part in range(n_parts) if part not in seen] if missing is None else missing(seen, n_parts)
        return total, torch.tensor(gone, dtype=torch.long)

    return answer


def _torn_ends_it(parts, sums, n_parts):
    """The first answer of a part counts, whole or not; a torn one is dropped for good."""
    total, seen, good = torch.zeros_like(sums[0]), set(), set()
    for part, values in zip(parts.tolist(), sums):
        if part not in seen and bool(values.isfinite().all()):
            total = total + values
            good.add(part)
        seen.add(part)
    return total, torch.tensor([part for part in range(n_parts) if part not in good], dtype=torch.long)


def _torn_as_zero(parts, sums, n_parts):
    return collected(parts, sums.nan_to_num(0.0, 0.0, 0.0), n_parts)


def _mean_of_answers(parts, sums, n_parts):
    whole = sums.isfinite().all(dim=1)
    total = torch.zeros_like(sums[0])
    for part in parts[whole].unique():
        total = total + sums[whole & (parts == part)].sum(0) / (parts == part).sum()
    return total, collected(parts, sums, n_parts)[1]


def _by_value(parts, sums, n_parts):
    whole = sums[sums.isfinite().all(dim=1)]
    return whole.unique(dim=0).sum(0), collected(parts, sums, n_parts)[1]


def _scaled_up(parts, sums, n_parts):
    total, missing = collected(parts, sums, n_parts)
    return total * n_parts / max(n_parts - len(missing), 1), missing


E3 = Exercise(
    id="L15-E3",
    title="Who answered, and who did not",
    minutes=8,
    importance=2,
    reference=collected,
    inputs=_messages,
    example=(
        (torch.tensor([0, 1, 0]), _tensor([[3.0], [3.0], [3.0]]), 3),
        (_tensor([6.0]), torch.tensor([2])),
    ),
    identities=(
        Identity(
            "A message that comes once more at the end changes nothing.",
            lambda answer, args: agree(
                answer(torch.cat([args[0], args[0][-1:]]), torch.cat([args[1], args[1][-1:]]), args[2]),
                answer(*args),
                1e-6,
            ),
        ),
        Identity(
            "One part more that never answers is one more that is missing, and the same total.",
            lambda answer, args: agree(
                answer(args[0], args[1], args[2] + 1),
                (answer(*args)[0], torch.cat([answer(*args)[1], torch.tensor([args[2]])])),
                1e-6,
            ),
        ),
    ),
    edge_cases=(
        Edge("nobody missing", partial(_messages, lost=0), "sizes"),
        Edge("as many messages as numbers in each", partial(_messages, n_parts=3, retried=1, lost=0, m=4), "sizes"),
        Edge("a single message", partial(_messages, n_parts=1, retried=0, lost=0, torn=0, m=2), "sizes"),
        Edge("nothing but torn answers", _all_torn, "ties"),
        Edge("an answer of infinity", _torn_by_infinity, "ties"),
        Edge("answers that are zero", _zeros, "ties"),
        Edge("different parts with equal answers", _equal_answers, "ties"),
        Edge("numbers of very different size", _sizes_apart, "far"),
    ),
    units={"sums": 1},
    mistakes=(
        Mistake(
            "counted-twice",
            "You add every message; a part that was asked again then counts twice: 9 where there are 6.",
            _collected(keep=lambda part, seen: True),
        ),
        Mistake(
            "nobody-missing",
            "You return no missing parts; a sum that lacks a part silently is worse than none.",
            _collected(missing=lambda seen, n: []),
        ),
        Mistake(
            "who-answered",
            "You list the parts that answered; those that did not are asked for.",
            _collected(missing=lambda seen, n: sorted(seen)),
        ),
        Mistake(
            "torn-counted",
            "You count messages with NaN or infinity; one of them spoils the whole sum.",
            _collected(whole=lambda values: True),
        ),
        Mistake(
            "infinity-counted",
            "You leave out NaN, but infinity spoils the sum as well; ask isfinite().",
            _collected(whole=lambda values: not bool(values.isnan().any())),
        ),
        Mistake(
            "torn-as-zero",
            "You put zeros in place of NaN; half a message is not the part's sum. Leave the message out.",
            _torn_as_zero,
        ),
        Mistake(
            "torn-ends-it",
            "After a torn message you do not listen to that part any more; its next whole one counts.",
            _torn_ends_it,
        ),
        Mistake(
            "answers-averaged",
            "You average a part's messages, torn ones included in the number; the first whole one counts, once.",
            _mean_of_answers,
        ),
        Mistake(
            "told-apart-by-value",
            "You drop messages whose numbers are alike; two parts may have equal sums. Their numbers tell them apart.",
            _by_value,
        ),
        Mistake(
            "scaled-up",
            "You scale the total up for the missing parts; say that they are missing, and leave the total alone.",
            _scaled_up,
        ),
    ),
    alternatives=(_collected_by_dict, _collected_by_sorting),
)

# --- L15-E4 -------------------------------------------------------------------------------------------------

MOST_IN_TAIL, MATRICES, ROWS_A_FEATURE = 1500, 6, 6


def fit_size(d, n, centres):
    """Features, megabytes of six matrices of them, and whether there are fewer than six rows a feature."""
    quadratic = d + d * (d + 1) // 2
    m = centres + (quadratic if quadratic <= min(MOST_IN_TAIL, n / 2) else d)
    return m, MATRICES * 8 * m**2 / 1e6, n < ROWS_A_FEATURE * m


def _table(generator, dtype):
    d, n, centres = (
        int(torch.randint(low, high, (), generator=generator)) for low, high in ((2, 54), (800, 9000), (50, 400))
    )
    return d, n, centres


def _by_counting(d, n, centres):
    pairs = sum(1 for i in range(d) for j in range(i, d))
    tail = d + pairs if 2 * (d + pairs) <= n and d + pairs <= 1500 else d
    return centres + tail, 48e-6 * (centres + tail) ** 2, n / (centres + tail) < 6


def _by_binomial(d, n, centres):
    tail = (d + 1) * (d + 2) // 2 - 1
    if tail > 1500 or tail > n / 2:
        tail = d
    m = tail + centres
    return m, m * m * 8 * 6 / 10**6, not n >= 6 * m


def _with_tail(tail):
    """The answer with another count of the quadratic tail."""

    def answer(d, n, centres):
        count = tail(d)
        m = centres + (count if count <= min(MOST_IN_TAIL, n / 2) else d)
        return m, MATRICES * 8 * m**2 / 1e6, n < ROWS_A_FEATURE * m

    return answer


def _never_linear(d, n, centres):
    m = centres + d + d * (d + 1) // 2
    return m, MATRICES * 8 * m**2 / 1e6, n < ROWS_A_FEATURE * m


def _no_tail_at_all(d, n, centres):
    quadratic = d + d * (d + 1) // 2
    m = centres + (quadratic if quadratic <= min(MOST_IN_TAIL, n / 2) else 0)
    return m, MATRICES * 8 * m**2 / 1e6, n < ROWS_A_FEATURE * m


E4 = Exercise(
    id="L15-E4",
    title="Will it fit, and will it warn",
    minutes=10,
    importance=2,
    reference=fit_size,
    inputs=_table,
    example=((10, 5000, 330), (395, 7.4892, False)),
    identities=(
        Identity(
            "More rows never bring a warning that fewer did not, where the tail stays the same.",
            lambda answer, args: answer(args[0], 20_000, args[2])[2] <= answer(args[0], 10_000, args[2])[2],
        ),
        Identity(
            "A further kernel is a further feature.",
            lambda answer, args: answer(args[0], args[1], args[2] + 1)[0] == answer(*args)[0] + 1,
        ),
        Identity(
            "Twice the features take four times the memory.",
            lambda answer, args: agree(
                answer(args[0], args[1], args[2] + answer(*args)[0])[1], 4 * answer(*args)[1], 1e-9
            ),
        ),
    ),
    edge_cases=(
        Edge("one column", lambda generator, dtype: (1, 600, 20), "sizes"),
        Edge("fifty columns, a tail of 1,325", lambda generator, dtype: (50, 5000, 330), "sizes"),
        Edge("53 columns, a tail of 1,484, the last that is taken", lambda generator, dtype: (53, 5000, 330), "ties"),
        Edge("54 columns, a tail of 1,539, which is not", lambda generator, dtype: (54, 5000, 330), "ties"),
        Edge("a tail of exactly half of the rows", lambda generator, dtype: (10, 130, 20), "ties"),
        Edge("exactly six rows a feature", lambda generator, dtype: (10, 6 * 395, 330), "ties"),
        Edge("one row fewer", lambda generator, dtype: (10, 6 * 395 - 1, 330), "ties"),
        Edge("four hundred columns", lambda generator, dtype: (400, 5000, 330), "far"),
    ),
    without={"units": "counts have no unit"},
    mistakes=(
        Mistake(
            "linear-or-squares-left-out",
            "You count d (d + 1) / 2 in all; that many are the products, squares among them, and d columns come first.",
            _with_tail(lambda d: d + d * (d - 1) // 2),
        ),
        Mistake(
            "both-orders",
            "You count x1 x2 and x2 x1; they are one function, so of d^2 products d (d + 1) / 2 are different.",
            _with_tail(lambda d: d + d * d),
        ),
        Mistake(
            "squares-alone",
            "You count squares and no products of two columns; without them no correlation can be told.",
            _with_tail(lambda d: 2 * d),
        ),
        Mistake(
            "with-the-constant",
            "You count the constant; its variance is zero, so no dictionary here holds it.",
            _with_tail(lambda d: 1 + d + d * (d + 1) // 2),
        ),
        Mistake(
            "always-quadratic",
            "You keep the quadratic tail whatever its size; above 1,500, or above half of the rows, it is linear.",
            _never_linear,
        ),
        Mistake(
            "tail-dropped",
            "You drop the tail where it is too long; its d columns stay, without them nothing pulls far particles in.",
            _no_tail_at_all,
        ),
        Mistake(
            "one-matrix",
            "You count one matrix; six of m x m are to be counted.",
            lambda d, n, centres: (
                fit_size(d, n, centres)[0],
                fit_size(d, n, centres)[1] / 6,
                fit_size(d, n, centres)[2],
            ),
        ),
        Mistake(
            "single-precision",
            "You take four bytes a number; sums over rows are float64, eight bytes.",
            lambda d, n, centres: (
                fit_size(d, n, centres)[0],
                fit_size(d, n, centres)[1] / 2,
                fit_size(d, n, centres)[2],
            ),
        ),
        Mistake(
            "rows-times-features",
            "You store the features of all rows, n x m; a fit walks over the rows in chunks and holds m x m sums.",
            lambda d, n, centres: (
                fit_size(d, n, centres)[0],
                8 * n * fit_size(d, n, centres)[0] / 1e6,
                fit_size(d, n, centres)[2],
            ),
        ),
        Mistake(
            "warned-at-six",
            "You warn at six rows a feature, too; six are enough, fewer are not.",
            lambda d, n, centres: (*fit_size(d, n, centres)[:2], n <= 6 * fit_size(d, n, centres)[0]),
        ),
    ),
    alternatives=(_by_counting, _by_binomial),
)

EXERCISES = (E1, E2, E3, E4)
