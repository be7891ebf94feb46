"""Lesson 11: codes made round, fakes among real ones, and the score that a spectrum knows."""

from __future__ import annotations

from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered

TITLE = "Pictures from noise by KSWGD"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _normal(generator, dtype, *shape):
    return torch.randn(*shape, generator=generator, dtype=dtype)


def _rotation(like, angle=0.7):
    """A rotation of the first two coordinates."""
    d = like.shape[1]
    q = torch.eye(d, dtype=like.dtype)
    if d > 1:
        c, s = torch.cos(torch.tensor(angle, dtype=like.dtype)), torch.sin(torch.tensor(angle, dtype=like.dtype))
        q[0, 0], q[0, 1], q[1, 0], q[1, 1] = c, -s, s, c
    return q


# --- L11-E1 -------------------------------------------------------------------------------------------------


def _spectral(codes):
    centred = codes - codes.mean(dim=0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(codes))
    return centred, values, vectors


def whiten(codes):
    """(codes - mean) C^{-1/2}, with the symmetric root."""
    centred, values, vectors = _spectral(codes)
    return centred @ (vectors / values.sqrt()) @ vectors.T


def _stretched(generator, dtype, n=12, d=3):
    mixing = torch.eye(d, dtype=dtype) * torch.linspace(0.5, 2.0, d, dtype=dtype)
    mixing[0, -1] += 0.8
    return (_normal(generator, dtype, n, d) @ mixing + 1.5 + _normal(generator, dtype, d),)


def _already_round(generator, dtype):
    """The corners of a square, each of them twice: a covariance with equal eigenvalues."""
    corners = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=dtype)
    return (2 * torch.cat([corners, corners]) + _normal(generator, dtype, 2),)


def _coordinates_far_apart(generator, dtype):
    (codes,) = _stretched(generator, dtype)
    return (codes * torch.logspace(-1.5, 1.5, codes.shape[1], dtype=dtype),)


def _far_from_zero(generator, dtype):
    return (_stretched(generator, dtype)[0] + 1e6,)


def _by_mean_products(codes):
    mean = codes.mean(dim=0)
    values, vectors = torch.linalg.eigh(codes.T @ codes / len(codes) - torch.outer(mean, mean))
    return (codes - mean) @ (vectors / values.abs().sqrt()) @ vectors.T


def _has_covariance_one(answer, args):
    white = answer(*args)
    return agree(white.T @ white / len(white), torch.eye(white.shape[1], dtype=white.dtype), 1e-4)


def _turns_along(answer, args):
    q = _rotation(args[0])
    return agree(answer(args[0] @ q), answer(args[0]) @ q, 1e-4)


def _by_svd(codes):
    u, _, vt = torch.linalg.svd(codes - codes.mean(dim=0), full_matrices=False)
    return len(codes) ** 0.5 * u @ vt


def _by_solving(codes):
    centred, values, vectors = _spectral(codes)
    root = (vectors * values.sqrt()) @ vectors.T
    return torch.linalg.solve(root, centred.T).T


def _columns_alone(codes):
    return (codes - codes.mean(dim=0)) / codes.std(dim=0, correction=0)


def _principal(codes):
    centred, values, vectors = _spectral(codes)
    return centred @ vectors / values.sqrt()


def _inverse_without_root(codes):
    centred, values, vectors = _spectral(codes)
    return centred @ (vectors / values) @ vectors.T


def _stretched_again(codes):
    centred, values, vectors = _spectral(codes)
    return centred @ (vectors * values.sqrt()) @ vectors.T


def _about_zero(codes):
    values, vectors = torch.linalg.eigh(codes.T @ codes / len(codes))
    return codes @ (vectors / values.sqrt()) @ vectors.T


def _cholesky(codes):
    centred, values, vectors = _spectral(codes)
    root = torch.linalg.cholesky(vectors @ torch.diag(values) @ vectors.T)
    return torch.linalg.solve_triangular(root, centred.T, upper=False).T


def _correlation_first(codes):
    return whiten(_columns_alone(codes))


def _covariance_about_zero(codes):
    values, vectors = torch.linalg.eigh(codes.T @ codes / len(codes))
    return (codes - codes.mean(dim=0)) @ (vectors / values.sqrt()) @ vectors.T


def _vectors_on_the_wrong_side(codes):
    centred, values, vectors = _spectral(codes)
    return centred @ vectors.T @ torch.diag(values.rsqrt()) @ vectors


def _with_values(change):
    """Whitened by changed eigenvalues."""

    def answer(codes):
        centred, values, vectors = _spectral(codes)
        return centred @ (vectors / change(values).sqrt()) @ vectors.T

    return answer


def _uncentred(codes):
    _, values, vectors = _spectral(codes)
    return codes @ (vectors / values.sqrt()) @ vectors.T


E1 = Exercise(
    id="L11-E1",
    title="Round codes",
    minutes=8,
    importance=2,
    reference=whiten,
    inputs=_stretched,
    example=(
        (_tensor([[5.0, 1.0], [1.0, 1.0], [3.0, 2.0], [3.0, 0.0]]),),
        _tensor([[1, 0], [-1, 0], [0, 1], [0, -1]]) * 2**0.5,
    ),
    identities=(
        Identity("White codes have the covariance one.", _has_covariance_one),
        Identity("Codes that are rotated first come out rotated, and not otherwise changed.", _turns_along),
        Identity(
            "Shifting all codes changes nothing.", lambda answer, args: agree(answer(args[0] + 3), answer(*args), 1e-4)
        ),
    ),
    edge_cases=(
        Edge("codes of a single number", partial(_stretched, d=1), "sizes"),
        Edge("50 codes of 17 numbers", partial(_stretched, n=50, d=17), "sizes"),
        Edge("equal codes and a covariance with equal eigenvalues", _already_round, "ties"),
        Edge("numbers of very different size", _coordinates_far_apart, "far"),
        Edge("a mean that is far from zero", _far_from_zero, "far"),
    ),
    units={"codes": 1},
    farthest=1e15,
    tolerance=1e-7,
    mistakes=(
        Mistake(
            "mean-product-less-product-of-means",
            "You subtract the product of the means from a mean product; far from zero no digit is left. Centre first.",
            _by_mean_products,
        ),
        Mistake(
            "divided-by-n-minus-1",
            "You divide the covariance by n - 1; here it is divided by n.",
            lambda codes: whiten(codes) * (1 - 1 / len(codes)) ** 0.5,
        ),
        Mistake(
            "cholesky",
            "You use the triangular root; the covariance becomes one, but rotated codes do not come out rotated.",
            _cholesky,
        ),
        Mistake(
            "correlation-first",
            "You divide by the standard deviations first, and then whiten; the root of C itself is needed.",
            _correlation_first,
        ),
        Mistake(
            "covariance-about-zero",
            "You take the covariance from codes that are not centred; subtract the mean there, too.",
            _covariance_about_zero,
        ),
        Mistake(
            "vectors-on-the-wrong-side",
            "You multiply by V^T diag V; eigh's vectors are columns, so that C = V diag V^T.",
            _vectors_on_the_wrong_side,
        ),
        Mistake(
            "ridge",
            "You add 1e-6 to the eigenvalues; codes in small units then do not get the covariance one.",
            _with_values(lambda values: values + 1e-6),
        ),
        Mistake(
            "small-eigenvalues-kept-from-zero",
            "You clamp the eigenvalues at 1e-6; in small units all are smaller, and the codes come out short.",
            _with_values(lambda values: values.clamp_min(1e-6)),
        ),
        Mistake(
            "columns-alone",
            "You divide each coordinate by its own standard deviation; coordinates that go together still do so.",
            _columns_alone,
        ),
        Mistake(
            "not-turned-back",
            "You leave the codes in the frame of the eigenvectors; the symmetric root turns them back at the end.",
            _principal,
        ),
        Mistake(
            "root-forgotten",
            "You multiply by the inverse covariance; its root is needed, as for one number the standard deviation.",
            _inverse_without_root,
        ),
        Mistake(
            "stretched-again",
            "You multiply by the root of the covariance, and long directions become longer; divide by it.",
            _stretched_again,
        ),
        Mistake(
            "about-zero",
            "You take second moments about zero instead of about the mean.",
            _about_zero,
        ),
        Mistake("not-centred", "The mean has to be taken off the codes, too.", _uncentred),
    ),
    alternatives=(_by_svd, _by_solving),
)


# --- L11-E2 -------------------------------------------------------------------------------------------------


def precision(fake, real, k):
    """Share of the fakes within the k-th neighbour ball of some real point."""
    return _share(_distances(fake, real) <= _radius_of(real, k), fake)


def _distances(a, b):
    """Without the shortcut by products of matrices, which rounds."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _two_samples(generator, dtype, n=24, m=20, d=2, k=3):
    real = _normal(generator, dtype, m, d)
    real[m // 2 :] = 0.25 * real[m // 2 :] + 4  # a dense and a thin part
    fake = 1.6 * _normal(generator, dtype, n, d)
    fake[n // 2 :] = 0.6 * fake[n // 2 :] + 4
    return fake, real, k


def _at_the_edge(generator, dtype):
    """Radii 5, 5 and 10, with fakes at an edge and just outside, all in numbers without rounding."""
    real = torch.tensor([[0, 0], [3, 4], [6, 12]], dtype=dtype)
    fake = torch.tensor([[-5, 0], [0, -5], [-5 - 2**-30, 0], [12, 20], [0, 0], [30, 0]], dtype=dtype)
    return fake, real, 1


def _equal_reals(generator, dtype):
    """Two equal real points, whose balls hold nothing but themselves."""
    real = torch.tensor([[0, 0], [0, 0], [4, 0], [5, 0]], dtype=dtype)
    fake = torch.tensor([[0, 0], [0.5, 0], [0, 2], [4.5, 0], [7, 0]], dtype=dtype)
    return fake, real, 1


def _dense_and_thin(generator, dtype):
    fake, real, k = _two_samples(generator, dtype)
    for sample in (fake, real):
        half = len(sample) // 2
        sample[:half], sample[half:] = 1e3 * sample[:half], 1e-3 * sample[half:]
    return fake, real, k


def _precision_in_a_loop(fake, real, k):
    inside = 0
    for x in fake:
        for center in real:
            reach = (real - center).norm(dim=1).sort().values[k]
            if (x - center).norm() <= reach:
                inside += 1
                break
    return inside / len(fake)


def _precision_by_topk(fake, real, k):
    radius = _distances(real, real).topk(k + 1, largest=False).values.amax(dim=1)
    return ((_distances(fake, real) - radius).amin(dim=1) <= 0).to(fake.dtype).mean()


def _radius_of(points, k):
    return _distances(points, points).sort(dim=1).values[:, k]


def _radius_among_positive(points, k):
    distance = _distances(points, points)
    return distance.masked_fill(distance == 0, torch.inf).sort(dim=1).values[:, k - 1]


def _share(inside, like):
    return inside.any(dim=1).to(like.dtype).mean()


E2 = Exercise(
    id="L11-E2",
    title="Fakes among real ones",
    minutes=10,
    importance=3,
    reference=precision,
    inputs=_two_samples,
    example=((_tensor([[0.5], [2.5], [4.0], [5.5]]), _tensor([[0.0], [1.0], [3.0]]), 1), 0.75),
    identities=(
        Identity(
            "The real points themselves score one.",
            lambda answer, args: agree(answer(args[1], *args[1:]), _tensor(1.0)),
        ),
        Identity(
            "Another unit of length changes nothing.",
            lambda answer, args: agree(answer(4 * args[0], 4 * args[1], args[2]), answer(*args)),
        ),
    ),
    edge_cases=(
        Edge("as many fakes as real points and coordinates", partial(_two_samples, n=8, m=8, d=8), "sizes"),
        Edge("five fakes only", partial(_two_samples, n=5), "sizes"),
        Edge("a single fake and two real points on the line", partial(_two_samples, n=1, m=2, d=1, k=1), "sizes"),
        Edge("as many fakes as real points", partial(_two_samples, n=20), "sizes"),
        Edge("40 fakes and 31 real points in 17 dimensions", partial(_two_samples, n=40, m=31, d=17), "sizes"),
        Edge("balls that reach to the farthest of all", partial(_two_samples, m=8, k=7), "sizes"),
        Edge("fakes at the very edge of a ball and just outside", _at_the_edge, "ties"),
        Edge("two equal real points", _equal_reals, "ties"),
        Edge("a part that is a million times as dense as the other", _dense_and_thin, "far"),
    ),
    units={"fake": 1, "real": 1},
    mistakes=(
        Mistake(
            "edge-left-out",
            "You leave out fakes at the very edge of a ball; they count, so compare by <=.",
            lambda fake, real, k: _share(_distances(fake, real) < _radius_of(real, k), fake),
        ),
        Mistake(
            "equal-points-left-out",
            "You leave out the distances that are zero; a real point that equals another is its neighbour.",
            lambda fake, real, k: _share(_distances(fake, real) <= _radius_among_positive(real, k), fake),
        ),
        Mistake(
            "slack-at-the-edge",
            "You make the balls a little larger; a fake just outside does not lie in them, in whatever units.",
            lambda fake, real, k: _share(_distances(fake, real) <= _radius_of(real, k) + 1e-3, fake),
        ),
        Mistake(
            "balls-counted",
            "You count in how many balls a fake lies; it counts once, if any ball holds it.",
            lambda fake, real, k: (_distances(fake, real) <= _radius_of(real, k)).sum(1).to(fake.dtype).mean(),
        ),
        Mistake(
            "all-balls",
            "You ask for fakes that lie in all balls; one is enough.",
            lambda fake, real, k: (_distances(fake, real) <= _radius_of(real, k)).all(1).to(fake.dtype).mean(),
        ),
        Mistake(
            "sums-of-absolute-values",
            "You add absolute differences; a ball is round, so distances are roots of sums of squares.",
            lambda fake, real, k: _share(
                torch.cdist(fake, real, p=1.0) <= torch.cdist(real, real, p=1.0).sort(dim=1).values[:, k], fake
            ),
        ),
        Mistake(
            "first-neighbour-always",
            "You take the nearest other point, whatever k is; the ball reaches to the k-th.",
            lambda fake, real, k: precision(fake, real, 1),
        ),
        Mistake(
            "mean-of-the-neighbours",
            "You average the distances to the k nearest; the ball reaches to the k-th of them.",
            lambda fake, real, k: _share(
                _distances(fake, real) <= _distances(real, real).sort(dim=1).values[:, 1 : k + 1].mean(1), fake
            ),
        ),
        Mistake(
            "one-too-far",
            "You take one neighbour too many; the point itself stands at place 0, and its k-th neighbour at place k.",
            lambda fake, real, k: _share(_distances(fake, real) <= _radius_of(real, min(k + 1, len(real) - 1)), fake),
        ),
        Mistake(
            "recall",
            "You return the share of real points among the fakes, which is recall: exchange the two samples.",
            lambda fake, real, k: precision(real, fake, k),
        ),
        Mistake(
            "itself-counted",
            "A point's nearest neighbour in its own sample is itself, at distance zero; it does not count.",
            lambda fake, real, k: _share(_distances(fake, real) <= _radius_of(real, k - 1), fake),
        ),
        Mistake(
            "one-radius",
            "You use one mean radius for all; each real point has its own, small where the data are dense.",
            lambda fake, real, k: _share(_distances(fake, real) <= _radius_of(real, k).mean(), fake),
        ),
        Mistake(
            "fakes-radius",
            "You measure the radius among the fakes; the balls belong to the real points.",
            lambda fake, real, k: _share(_distances(fake, real) <= _radius_of(fake, k)[:, None], fake),
        ),
        Mistake(
            "nearest-ball-only",
            "You look at the ball of the nearest real point alone; any ball counts, also a wide one from further away.",
            lambda fake, real, k: (
                (_distances(fake, real).amin(1) <= _radius_of(real, k)[_distances(fake, real).argmin(1)])
                .to(fake.dtype)
                .mean()
            ),
        ),
        Mistake(
            "pairs-counted",
            "You average over all pairs; a fake counts once, if any ball holds it.",
            lambda fake, real, k: (_distances(fake, real) <= _radius_of(real, k)).to(fake.dtype).mean(),
        ),
    ),
    alternatives=(_precision_in_a_loop, _precision_by_topk),
)


# --- L11-E3 -------------------------------------------------------------------------------------------------


def sharpen(y, phi_y, phi_x, x, energies, h):
    """One step of size h along the spectrum's own score."""
    coefficients = -energies[:, None] * (phi_x.T @ x) / len(x)
    return y + h * phi_y @ coefficients


def _modes(generator, dtype, n=9, m=5, r=4, d=2):
    energies = torch.linspace(0.6, 3.0, r, dtype=dtype)
    y, x = _normal(generator, dtype, m, d), _normal(generator, dtype, n, d)
    return y, _normal(generator, dtype, m, r), _normal(generator, dtype, n, r) + 0.4, x, energies, 0.3


def _seconds_of(unit, generator, dtype):
    y, phi_y, phi_x, x, energies, h = _modes(generator, dtype)
    return y, phi_y, phi_x, x, energies / unit, unit * h


def _constant_and_double(generator, dtype):
    """A constant mode of energy zero, and two modes of one energy."""
    y, phi_y, phi_x, x, energies, h = _modes(generator, dtype)
    phi_y[:, 0], phi_x[:, 0], energies[0], energies[2] = 1, 1, 0, energies[1]
    return y, phi_y, phi_x, x, energies, h


def _energies_far_apart(generator, dtype):
    y, phi_y, phi_x, x, energies, h = _modes(generator, dtype)
    return y, phi_y, phi_x, x, torch.logspace(-3, 3, len(energies), dtype=dtype) * energies, h


def _gaussian_shrinks(answer, args):
    """phi = x / std with energy 1 / std^2 is a Gaussian: y goes to (1 - h / std^2) y."""
    x = args[3] - args[3].mean(dim=0)
    x, y = x[:, :1], args[0][:, :1]
    variance = x.square().mean()
    got = answer(y, y / variance.sqrt(), x / variance.sqrt(), x, 1 / variance[None], args[5])
    return agree(got, (1 - args[5] / variance) * y, 1e-5)


def _sharpen_by_einsum(y, phi_y, phi_x, x, energies, h):
    overlap = torch.einsum("nr,nd->rd", phi_x, x) / x.shape[0]
    return y - h * torch.einsum("mr,r,rd->md", phi_y, energies, overlap)


def _sharpen_in_a_loop(y, phi_y, phi_x, x, energies, h):
    moved = y.clone()
    for k, energy in enumerate(energies):
        overlap = (phi_x[:, k : k + 1] * x).mean(dim=0)
        moved = moved - h * energy * phi_y[:, k : k + 1] * overlap
    return moved


def _wrong(change):
    """A step of which ``change`` makes something else."""
    return lambda y, phi_y, phi_x, x, energies, h: change(y, phi_y, phi_x.T @ x / len(x), energies[:, None], h, len(x))


E3 = Exercise(
    id="L11-E3",
    title="A step that sharpens",
    minutes=10,
    importance=2,
    reference=sharpen,
    inputs=_modes,
    example=(
        (_tensor([[2.0]]), _tensor([[1.0]]), _tensor([[1.0], [-1.0]]), _tensor([[2.0], [-2.0]]), _tensor([0.25]), 0.4),
        _tensor([[1.8]]),
    ),
    identities=(
        Identity(
            "On a Gaussian, phi = x / std and energy 1 / std^2, y shrinks to (1 - h / std^2) y.", _gaussian_shrinks
        ),
        Identity(
            "Turning the sign of an eigenfunction, in both samples, changes nothing.",
            lambda answer, args: agree(answer(args[0], -args[1], -args[2], *args[3:]), answer(*args), 1e-5),
        ),
    ),
    edge_cases=(
        ("energies in falling order", altered(_modes, sharpen, energies=lambda e: e.flip(0))),
        ("data around a mean", altered(_modes, sharpen, x=lambda x: x + 3)),
        Edge("a single mode", partial(_modes, r=1), "sizes"),
        Edge("a single point on the line", partial(_modes, m=1, d=1), "sizes"),
        Edge("as many points as data, modes and coordinates", partial(_modes, n=3, m=3, r=3, d=3), "sizes"),
        Edge("31 data, 17 modes and 5 coordinates", partial(_modes, n=31, r=17, d=5), "sizes"),
        Edge("a step of zero", lambda generator, dtype: (*_modes(generator, dtype)[:5], 0.0), "ties"),
        Edge("a constant mode, and two modes of one energy", _constant_and_double, "ties"),
        Edge("very short times", partial(_seconds_of, 1e-9), "units"),
        Edge("very long times", partial(_seconds_of, 1e9), "units"),
        Edge("energies of very different size", _energies_far_apart, "far"),
    ),
    units={"y": 1, "x": 1},
    mistakes=(
        Mistake(
            "uphill-sign",
            "You go the wrong way: -L has the energies as eigenvalues, so that L brings a minus.",
            _wrong(lambda y, phi, overlap, e, h, n: y + h * phi @ (e * overlap)),
        ),
        Mistake(
            "energies-forgotten",
            "You leave the energies out; that step moves towards the mean of the data, not along the score.",
            _wrong(lambda y, phi, overlap, e, h, n: y - h * phi @ overlap),
        ),
        Mistake(
            "energies-divided",
            "You divide by the energies, as KSWGD does; the generator multiplies by them.",
            _wrong(lambda y, phi, overlap, e, h, n: y - h * phi @ (overlap / e)),
        ),
        Mistake(
            "sum-for-mean",
            "You sum over the data; the coefficient is a mean.",
            _wrong(lambda y, phi, overlap, e, h, n: y - h * n * phi @ (e * overlap)),
        ),
        Mistake(
            "mean-over-the-points",
            "You divide by the number of the points y; the mean is over the n data.",
            lambda y, phi_y, phi_x, x, energies, h: sharpen(y, phi_y, phi_x, x, energies * len(x) / len(y), h),
        ),
        Mistake(
            "overlap-with-the-points",
            "You average over the points y; the coefficients are means over the data x.",
            lambda y, phi_y, phi_x, x, energies, h: sharpen(y, phi_y, phi_y, y, energies, h),
        ),
        Mistake(
            "product-of-the-means",
            "You multiply the mean eigenfunction by the mean of the data; wanted is the mean of their product.",
            lambda y, phi_y, phi_x, x, energies, h: (
                y - h * phi_y @ (energies[:, None] * phi_x.mean(0)[:, None] * x.mean(0))
            ),
        ),
        Mistake(
            "data-centred",
            "You subtract the mean of the data; where an eigenfunction's mean is not zero, that changes its product.",
            lambda y, phi_y, phi_x, x, energies, h: sharpen(y, phi_y, phi_x, x - x.mean(0), energies, h),
        ),
        Mistake(
            "root-of-the-energies",
            "You weigh by the roots of the energies; the generator multiplies each mode by its energy.",
            lambda y, phi_y, phi_x, x, energies, h: sharpen(y, phi_y, phi_x, x, energies.sqrt(), h),
        ),
        Mistake(
            "step-forgotten",
            "You add the whole score; a step of size h adds h times it.",
            lambda y, phi_y, phi_x, x, energies, h: sharpen(y, phi_y, phi_x, x, energies, 1.0),
        ),
        Mistake(
            "score-alone",
            "You return the score; the moved points are asked for.",
            _wrong(lambda y, phi, overlap, e, h, n: -phi @ (e * overlap)),
        ),
        Mistake(
            "langevin-noise-scale",
            "You step by the root of 2 h, which belongs to the noise of Langevin dynamics; the drift takes h.",
            _wrong(lambda y, phi, overlap, e, h, n: y - (2 * h) ** 0.5 * phi @ (e * overlap)),
        ),
    ),
    alternatives=(_sharpen_by_einsum, _sharpen_in_a_loop),
)

EXERCISES = (E1, E2, E3)
