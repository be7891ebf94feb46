"""Lesson 11: codes made round, fakes among real ones, and the score that a spectrum knows."""

from __future__ import annotations

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Exercise, Identity, Mistake

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


def _uncentred(codes):
    _, values, vectors = _spectral(codes)
    return codes @ (vectors / values.sqrt()) @ vectors.T


E1 = Exercise(
    id="L11-E1",
    title="Round codes",
    minutes=8,
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
    edge_cases=(("codes of a single number", lambda generator, dtype: _stretched(generator, dtype, d=1)),),
    mistakes=(
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
    radius = torch.cdist(real, real).sort(dim=1).values[:, k]
    return (torch.cdist(fake, real) <= radius).any(dim=1).to(fake.dtype).mean()


def _two_samples(generator, dtype, n=24, m=20):
    real = _normal(generator, dtype, m, 2)
    real[m // 2 :] = 0.25 * real[m // 2 :] + 4  # a dense and a thin part
    fake = 1.6 * _normal(generator, dtype, n, 2)
    fake[n // 2 :] = 0.6 * fake[n // 2 :] + 4
    return fake, real, 3


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
    radius = torch.cdist(real, real).topk(k + 1, largest=False).values.amax(dim=1)
    return ((torch.cdist(fake, real) - radius).amin(dim=1) <= 0).to(fake.dtype).mean()


def _radius_of(points, k):
    return torch.cdist(points, points).sort(dim=1).values[:, k]


def _share(inside, like):
    return inside.any(dim=1).to(like.dtype).mean()


E2 = Exercise(
    id="L11-E2",
    title="Fakes among real ones",
    minutes=10,
    reference=precision,
    inputs=_two_samples,
    example=((_tensor([[0.5], [2.5], [4.0], [9.0]]), _tensor([[0.0], [1.0], [3.0]]), 1), 0.75),
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
    edge_cases=(("five fakes only", lambda generator, dtype: _two_samples(generator, dtype, n=5)),),
    mistakes=(
        Mistake(
            "recall",
            "You return the share of real points among the fakes, which is recall: exchange the two samples.",
            lambda fake, real, k: precision(real, fake, k),
        ),
        Mistake(
            "itself-counted",
            "A point's nearest neighbour in its own sample is itself, at distance zero; it does not count.",
            lambda fake, real, k: _share(torch.cdist(fake, real) <= _radius_of(real, k - 1), fake),
        ),
        Mistake(
            "one-radius",
            "You use one mean radius for all; each real point has its own, small where the data are dense.",
            lambda fake, real, k: _share(torch.cdist(fake, real) <= _radius_of(real, k).mean(), fake),
        ),
        Mistake(
            "fakes-radius",
            "You measure the radius among the fakes; the balls belong to the real points.",
            lambda fake, real, k: _share(torch.cdist(fake, real) <= _radius_of(fake, k)[:, None], fake),
        ),
        Mistake(
            "nearest-ball-only",
            "You look at the ball of the nearest real point alone; any ball counts, also a wide one from further away.",
            lambda fake, real, k: (
                (torch.cdist(fake, real).amin(1) <= _radius_of(real, k)[torch.cdist(fake, real).argmin(1)])
                .to(fake.dtype)
                .mean()
            ),
        ),
        Mistake(
            "pairs-counted",
            "You average over all pairs; a fake counts once, if any ball holds it.",
            lambda fake, real, k: (torch.cdist(fake, real) <= _radius_of(real, k)).to(fake.dtype).mean(),
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
        ("a step of zero", lambda generator, dtype: (*_modes(generator, dtype)[:5], 0.0)),
        ("a single mode", lambda generator, dtype: _modes(generator, dtype, r=1)),
    ),
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
