"""Lesson 12: modes as pictures, a walk between noises, class signatures, speed at equal quality."""

from __future__ import annotations

import cmath
import math
from functools import partial

import torch

from koopcourse.checks.compare import agree
from koopcourse.checks.exercise import Edge, Exercise, Identity, Mistake, altered

TITLE = "Pictures by Koopman-CFM: one look at the noise"


def _tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def _normal(generator, dtype, *shape):
    return torch.randn(*shape, generator=generator, dtype=dtype)


# --- L12-E1 -------------------------------------------------------------------------------------------------


def mode_picture(z, V, scale):
    """What coordinates add to the mean picture."""
    return scale * torch.einsum("nd,dhw->nhw", z, V)


def _directions(generator, dtype, n=4, d=3, h=2, w=3):
    V = torch.linalg.qr(_normal(generator, torch.float64, h * w, d))[0].T.reshape(d, h, w)
    return _normal(generator, dtype, n, d), V.to(dtype), 2.5


def _any_directions(generator, dtype):
    """Neither of length one nor perpendicular, as a decoder may have them."""
    z, V, scale = _directions(generator, dtype)
    return z, _normal(generator, dtype, *V.shape), scale


def _with_zeros(generator, dtype):
    """A picture of nothing, two equal ones, and a direction that is zero."""
    z, V, scale = _directions(generator, dtype)
    z[0], z[2], V[1] = 0, z[1], 0
    return z, V, scale


def _modes_far_apart(generator, dtype):
    z, V, scale = _directions(generator, dtype)
    return torch.logspace(-3, 3, len(z), dtype=dtype)[:, None] * z, V, scale


def _one_by_one(z, V, scale):
    return torch.stack([sum(scale * c * direction for c, direction in zip(row, V)) for row in z])


def _adds_up(answer, args):
    z, V, scale = args
    return agree(answer(z + z.flip(0), V, scale), answer(z, V, scale) + answer(z.flip(0), V, scale), 1e-6)


def _is_as_large_as_its_coordinates(answer, args):
    z, _, scale = args
    return agree(answer(*args).flatten(1).norm(dim=1), scale * z.norm(dim=1), 1e-6)


E1 = Exercise(
    id="L12-E1",
    title="What a mode adds to a picture",
    minutes=6,
    importance=2,
    reference=mode_picture,
    inputs=_directions,
    example=(
        (_tensor([[3.0, -1.0]]), _tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), 2.0),
        _tensor([[[6.0, -2.0]]]),
    ),
    identities=(
        Identity("The sum of two modes adds the sum of the two pictures.", _adds_up),
        Identity(
            "With orthonormal directions the picture is scale times as large as z.", _is_as_large_as_its_coordinates
        ),
    ),
    edge_cases=(
        ("a negative scale", altered(_directions, mode_picture, scale=lambda scale: -scale)),
        Edge("a single mode of a single pixel", partial(_directions, n=1, d=1, h=1, w=1), "sizes"),
        Edge("as many directions as pixels", partial(_directions, n=2, d=6), "sizes"),
        Edge("31 pictures of three by three pixels", partial(_directions, n=31, d=3, h=3, w=3), "sizes"),
        Edge("pictures of seven by three pixels", partial(_directions, d=5, h=7, w=3), "sizes"),
        Edge("pictures of eight by eight pixels", partial(_directions, d=17, h=8, w=8), "sizes"),
        Edge("directions that are not orthonormal", _any_directions),
        Edge("coordinates and a direction that are zero", _with_zeros, "ties"),
        Edge("modes of very different size", _modes_far_apart, "far"),
    ),
    units={"z": 1, "scale": 1},
    mistakes=(
        Mistake(
            "no-scale",
            "The scale is missing: coordinates are in units of it, so one unit of z is scale grey values.",
            lambda z, V, scale: torch.einsum("nd,dhw->nhw", z, V),
        ),
        Mistake(
            "divides-by-scale",
            "You divide by the scale; that is the way from pictures to coordinates.",
            lambda z, V, scale: torch.einsum("nd,dhw->nhw", z, V) / scale,
        ),
        Mistake(
            "cut-to-grey-values",
            "You cut the result to [0, 1]; a mode adds of either sign, and only the whole sum is cut.",
            lambda z, V, scale: mode_picture(z, V, scale).clamp(0, 1),
        ),
        Mistake(
            "cut-to-plus-and-minus-one",
            "You cut the result to [-1, 1]; a mode may add more than that, and only the whole sum is cut.",
            lambda z, V, scale: mode_picture(z, V, scale).clamp(-1, 1),
        ),
        Mistake(
            "size-without-sign",
            "You return the size of what is added; a mode darkens some pixels and brightens others.",
            lambda z, V, scale: mode_picture(z, V, scale).abs(),
        ),
        Mistake(
            "directions-normalised",
            "You divide each direction by its length; V is to be used as it came.",
            lambda z, V, scale: mode_picture(z, V / V.flatten(1).norm(dim=1)[:, None, None], scale),
        ),
        Mistake(
            "mean-over-directions",
            "You average over the directions; what they add is a sum.",
            lambda z, V, scale: mode_picture(z, V, scale) / len(V),
        ),
        Mistake(
            "coordinates-centred",
            "You subtract the mean over the pictures; each picture stands for itself.",
            lambda z, V, scale: mode_picture(z - z.mean(0), V, scale),
        ),
        Mistake(
            "rows-and-columns-swapped",
            "You return pictures (n, w, h); rows come first, (n, h, w).",
            lambda z, V, scale: mode_picture(z, V, scale).mT,
        ),
        Mistake(
            "pixels-in-another-order",
            "You read the pixels column by column; V's pictures are stored row by row.",
            lambda z, V, scale: mode_picture(z, V, scale).mT.reshape(-1, *V.shape[1:]),
        ),
        Mistake(
            "adds-the-mean-direction",
            "You add a mean picture; the mean stands in the sum once, not in each mode.",
            lambda z, V, scale: mode_picture(z, V, scale) + V.mean(dim=0),
        ),
        Mistake(
            "upside-down",
            "Your pictures are mirrored: keep the order of rows and columns that V has.",
            lambda z, V, scale: mode_picture(z, V, scale).flip(-1),
        ),
    ),
    alternatives=(_one_by_one, lambda z, V, scale: (scale * z @ V.flatten(1)).reshape(-1, *V.shape[1:])),
)


# --- L12-E2 -------------------------------------------------------------------------------------------------


def between(a, b, r):
    """The noise at r on the quarter circle from a to b."""
    angle = math.pi / 2 * r
    return math.cos(angle) * a + math.sin(angle) * b


def _noises(generator, dtype, n=5, d=4):
    r = 0.15 + 0.7 * torch.rand((), generator=generator, dtype=torch.float64).item()
    return _normal(generator, dtype, n, d), _normal(generator, dtype, n, d), r


def _equal_noises(generator, dtype):
    """Some noises are equal, opposite or zero."""
    a, b, r = _noises(generator, dtype)
    b[0], b[1], a[2], b[3] = a[0], -a[1], 0, 0
    return a, b, r


def _noises_far_apart(generator, dtype):
    a, b, r = _noises(generator, dtype)
    size = torch.logspace(-3, 3, len(a), dtype=dtype)[:, None]
    return size * a, size.flip(0) * b, r


def _by_own_angle(a, b, r):
    """The great circle between the two directions, row by row."""
    angle = torch.arccos((a * b).sum(1, keepdim=True) / a.norm(dim=1, keepdim=True) / b.norm(dim=1, keepdim=True))
    return (torch.sin((1 - r) * angle) * a + torch.sin(r * angle) * b) / torch.sin(angle)


def _with_the_length_of_a(a, b, r):
    way = between(a, b, r)
    return way * a.norm(dim=1, keepdim=True) / way.norm(dim=1, keepdim=True)


def _by_turning(a, b, r):
    return (torch.complex(a, -b) * cmath.exp(0.5j * math.pi * r)).real


def _keeps_the_length(answer, args):
    a, _, r = args
    one, other = torch.zeros_like(a), torch.zeros_like(a)
    one[:, 0], other[:, 1] = 2, 2
    return agree(answer(one, other, r).norm(dim=1), one.norm(dim=1), 1e-6)


def _begins_and_ends(answer, args):
    a, b, _ = args
    return agree(answer(a, b, 0.0), a, 1e-6) and agree(answer(a, b, 1.0), b, 1e-6)


def _weighted(first, second):
    """A way with these weights, functions of r."""
    return lambda a, b, r: first(r) * a + second(r) * b


E2 = Exercise(
    id="L12-E2",
    title="From one noise to another",
    minutes=8,
    importance=1,
    reference=between,
    inputs=_noises,
    example=(
        (_tensor([[2.0, 0.0]]), _tensor([[0.0, 4.0]]), 1 / 3),
        _tensor([[math.sqrt(3), 2.0]]),
    ),
    identities=(
        Identity("The way begins in a and ends in b.", _begins_and_ends),
        Identity("For perpendicular noises of equal length it keeps that length.", _keeps_the_length),
    ),
    edge_cases=(
        Edge("as many noises as coordinates", partial(_noises, n=4, d=4), "sizes"),
        Edge("a single noise of a single number", partial(_noises, n=1, d=1), "sizes"),
        Edge("31 noises of 17 numbers", partial(_noises, n=31, d=17), "sizes"),
        Edge("the start", lambda generator, dtype: (*_noises(generator, dtype)[:2], 0.0), "ties"),
        Edge("the end", lambda generator, dtype: (*_noises(generator, dtype)[:2], 1.0), "ties"),
        Edge("noises that are equal, opposite or zero", _equal_noises, "ties"),
        Edge("noises of very different size", _noises_far_apart, "far"),
    ),
    units={"a": 1, "b": 1},
    bounded=("r",),
    mistakes=(
        Mistake(
            "straight-line",
            "You walk along the straight line; halfway its noise is too small by a factor of the root of 1/2.",
            _weighted(lambda r: 1 - r, lambda r: r),
        ),
        Mistake(
            "other-way-round",
            "Cosine and sine are swapped: you walk from b to a.",
            _weighted(lambda r: math.sin(math.pi / 2 * r), lambda r: math.cos(math.pi / 2 * r)),
        ),
        Mistake(
            "half-circle",
            "Your angle runs to pi, half a circle: at r = 1 you arrive at -a. A quarter is pi / 2.",
            _weighted(lambda r: math.cos(math.pi * r), lambda r: math.sin(math.pi * r)),
        ),
        Mistake(
            "squared-weights",
            "You weight with squares of cosine and sine, whose sum is one; the squares of the weights must sum to one.",
            _weighted(lambda r: math.cos(math.pi / 2 * r) ** 2, lambda r: math.sin(math.pi / 2 * r) ** 2),
        ),
        Mistake(
            "angle-in-quarters",
            "Your angle is r itself; r is a share of the way, so the angle is r times pi / 2.",
            _weighted(math.cos, math.sin),
        ),
        Mistake(
            "roots-as-weights",
            "Your weights are the roots of 1 - r and r; their squares sum to one, but the angle does not grow evenly.",
            _weighted(lambda r: math.sqrt(1 - r), math.sqrt),
        ),
        Mistake(
            "line-made-standard",
            "You walk along the straight line and set the size right afterwards; the angle then does not grow evenly.",
            _weighted(lambda r: (1 - r) / math.hypot(1 - r, r), lambda r: r / math.hypot(1 - r, r)),
        ),
        Mistake(
            "own-angle-of-each-pair",
            "You turn by the angle between a and b; wanted is always the quarter circle, r pi / 2.",
            _by_own_angle,
        ),
        Mistake(
            "length-forced",
            "You give each row the length of a; the two weights are all there is, and b may be longer.",
            _with_the_length_of_a,
        ),
        Mistake(
            "degrees",
            "Your angle is in degrees; math.cos and math.sin take radians, r pi / 2.",
            _weighted(lambda r: math.cos(90 * r), lambda r: math.sin(90 * r)),
        ),
        Mistake(
            "full-circle",
            "Your angle runs to 2 pi, a full circle: at r = 1 you are back at a. A quarter is pi / 2.",
            _weighted(lambda r: math.cos(2 * math.pi * r), lambda r: math.sin(2 * math.pi * r)),
        ),
        Mistake(
            "minus",
            "You subtract b; that way ends in -b.",
            _weighted(lambda r: math.cos(math.pi / 2 * r), lambda r: -math.sin(math.pi / 2 * r)),
        ),
    ),
    alternatives=(
        _by_turning,
        lambda a, b, r: (
            torch.lerp(torch.zeros_like(a), a, math.sin(math.pi / 2 * (1 - r))) + math.cos(math.pi / 2 * (1 - r)) * b
        ),
    ),
)


# --- L12-E3 -------------------------------------------------------------------------------------------------


def signature(A, labels, n_classes):
    """Mean energy of a mode in each class."""
    energy = A.abs().square().sum(dim=1)
    return torch.stack([energy[labels == c].mean() for c in range(n_classes)])


def _labelled(generator, dtype, n=12, d=3, n_classes=3):
    A = torch.complex(_normal(generator, dtype, n, d), _normal(generator, dtype, n, d))
    rest = torch.randint(n_classes, (n - 2 * n_classes,), generator=generator)
    labels = torch.cat([torch.arange(n_classes).repeat(2), rest])
    return A, labels[torch.randperm(n, generator=generator)], n_classes


def _last_class_first(generator, dtype):
    """Labels that neither begin with 0 nor come in order."""
    A, labels, n_classes = _labelled(generator, dtype)
    return A, labels.sort(descending=True).values, n_classes


def _silent_and_alone(generator, dtype):
    """A class of one picture, a class without energy, and equal pictures."""
    A, _, _ = _labelled(generator, dtype)
    labels = torch.tensor([2, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0])
    A[labels == 1], A[4] = 0, A[1]
    return A, labels, 3


def _loud_and_quiet(generator, dtype):
    A, labels, n_classes = _labelled(generator, dtype)
    return A * torch.logspace(-2, 2, len(A), dtype=dtype)[:, None], labels, n_classes


def _by_counting(A, labels, n_classes):
    energy = (A * A.conj()).real.sum(dim=1)
    total = energy.new_zeros(n_classes).index_add(0, labels, energy)
    return total / torch.bincount(labels, minlength=n_classes)


def _by_one_hot(A, labels, n_classes):
    member = torch.nn.functional.one_hot(labels, n_classes).to(A.real)
    return member.T @ torch.view_as_real(A).square().sum(dim=(1, 2)) / member.sum(dim=0)


def _per_class(of_rows):
    """A variant that makes one number of the rows of each class."""
    return lambda A, labels, n_classes: torch.stack([of_rows(A[labels == c]) for c in range(n_classes)])


def _ignores_phase(answer, args):
    A, *rest = args
    return agree(answer(A * cmath.exp(0.7j), *rest), answer(A, *rest), 1e-6)


E3 = Exercise(
    id="L12-E3",
    title="The signature of each class",
    minutes=10,
    importance=2,
    reference=signature,
    inputs=_labelled,
    example=(
        (torch.tensor([[3 + 4j, 0], [1, 2j], [1, 0]], dtype=torch.complex128), torch.tensor([0, 1, 1]), 2),
        _tensor([25.0, 3.0]),
    ),
    identities=(
        Identity("Turning all amplitudes by one phase changes nothing.", _ignores_phase),
        Identity(
            "Twice the amplitudes have four times the energy.",
            lambda answer, args: agree(answer(2 * args[0], *args[1:]), 4 * answer(*args), 1e-6),
        ),
    ),
    edge_cases=(
        Edge("as many pictures as coordinates and classes", partial(_labelled, n=6, d=6), "sizes"),
        Edge("a single class", partial(_labelled, n=5, n_classes=1), "sizes"),
        Edge("two pictures a class and one coordinate", partial(_labelled, n=8, d=1, n_classes=4), "sizes"),
        Edge("31 pictures of 17 coordinates", partial(_labelled, n=31, d=17, n_classes=10), "sizes"),
        Edge("labels in falling order", _last_class_first),
        Edge("a class of one picture, and one without energy", _silent_and_alone, "ties"),
        Edge("pictures of very different energy", _loud_and_quiet, "far"),
    ),
    units={"A": 1},
    mistakes=(
        Mistake(
            "sum-over-class",
            "You sum over the pictures of a class; frequent classes then look strong. Take the mean.",
            _per_class(lambda rows: rows.abs().square().sum()),
        ),
        Mistake(
            "mean-over-coordinates",
            "You take the mean over coordinates as well; the energy of a picture is the sum over them.",
            _per_class(lambda rows: rows.abs().square().mean()),
        ),
        Mistake(
            "real-part",
            "You square the real part alone; |A|^2 has the imaginary part, too, and does not depend on the phase.",
            _per_class(lambda rows: rows.real.square().sum(dim=1).mean()),
        ),
        Mistake(
            "size-instead-of-energy",
            "You average |A|, the size; the energy is its square.",
            _per_class(lambda rows: rows.abs().sum(dim=1).mean()),
        ),
        Mistake(
            "root-of-the-energy",
            "You average the lengths of the amplitudes; the energy is the square of the length.",
            _per_class(lambda rows: rows.abs().square().sum(dim=1).sqrt().mean()),
        ),
        Mistake(
            "square-of-the-complex-number",
            "You take the real part of A^2; |A|^2 is A times its conjugate, and is never negative.",
            _per_class(lambda rows: rows.square().real.sum(dim=1).mean()),
        ),
        Mistake(
            "summed-before-squaring",
            "You add the coordinates and square then; coordinates cancel. Square each, then sum.",
            _per_class(lambda rows: rows.sum(dim=1).abs().square().mean()),
        ),
        Mistake(
            "median",
            "You take the median of a class; the mean is asked for.",
            _per_class(lambda rows: rows.abs().square().sum(dim=1).median()),
        ),
        Mistake(
            "labels-taken-for-sorted",
            "You cut the pictures into runs, one for each class; the labels say which picture belongs where.",
            lambda A, labels, n_classes: signature(A, labels.sort().values, n_classes),
        ),
        Mistake(
            "order-of-appearance",
            "You list the classes as they first appear; entry c belongs to class c.",
            lambda A, labels, n_classes: torch.stack(
                [signature(A, labels, n_classes)[c] for c in dict.fromkeys(labels.tolist())]
            ),
        ),
        Mistake(
            "averages-first",
            "You average the amplitudes first and square then; phases cancel, and hardly anything is left.",
            _per_class(lambda rows: rows.mean(dim=0).abs().square().sum()),
        ),
        Mistake(
            "over-all-pictures",
            "You divide by the number of all pictures; each class has its own.",
            lambda A, labels, n_classes: torch.stack(
                [A[labels == c].abs().square().sum() / len(A) for c in range(n_classes)]
            ),
        ),
        Mistake(
            "about-the-mean",
            "You take each class's mean amplitude off first; the energy is that of the amplitudes themselves.",
            lambda A, labels, n_classes: torch.stack(
                [(A[labels == c] - A[labels == c].mean(0)).abs().square().sum(1).mean() for c in range(n_classes)]
            ),
        ),
        Mistake(
            "equal-shares",
            "You divide by n / n_classes; the classes have different numbers of pictures, so divide by each one's own.",
            lambda A, labels, n_classes: torch.stack(
                [A[labels == c].abs().square().sum() * n_classes / len(A) for c in range(n_classes)]
            ),
        ),
    ),
    alternatives=(_by_counting, _by_one_hot),
)


# --- L12-E4 -------------------------------------------------------------------------------------------------


def speed_up(evaluations, distances, cost, enough, student_cost):
    """How many times faster the student is than the cheapest setting as good as it."""
    return _least(evaluations[distances <= enough]) * cost / student_cost


def _least(evaluations):
    """Infinite where there is none."""
    return evaluations.min() if len(evaluations) else evaluations.new_tensor(math.inf)


def _settings(generator, dtype, n=7):
    order = torch.randperm(n, generator=generator)
    evaluations = torch.arange(2, 2 + 2 * n, 2).to(dtype)[order]
    distances = (9 / evaluations) * (1 + 0.1 * torch.rand(n, generator=generator, dtype=dtype))
    distances[evaluations == 2 * n] *= 1.5  # more steps are no promise, so the dearest is not the best
    enough = float(distances[evaluations == 6][0])  # exactly as good is good enough
    cost, student_cost = (1 + torch.rand(2, generator=generator, dtype=torch.float64)).tolist()
    return evaluations, distances, cost, enough, student_cost


def _in_units_of(distance, cost, generator, dtype):
    evaluations, distances, one, enough, student = _settings(generator, dtype)
    return evaluations, distance * distances, cost * one, distance * enough, cost * student


def _table(distances, enough):
    """Settings of 1, 2, 4, ... evaluations with these distances."""

    def inputs(generator, dtype):
        evaluations = 2 ** torch.arange(len(distances))
        return evaluations.to(dtype), torch.tensor(distances, dtype=dtype), 1.7, enough, 2.3

    return inputs


def _by_sorting(evaluations, distances, cost, enough, student_cost):
    for e, d in sorted(zip(evaluations, distances)):
        if d <= enough:
            return e * cost / student_cost
    return math.inf


def _choosing(choose):
    """A variant that picks another setting."""

    def answer(evaluations, distances, cost, enough, student_cost):
        return choose(evaluations, distances, enough) * cost / student_cost

    return answer


def _is_order_free(answer, args):
    evaluations, distances, *rest = args
    return agree(answer(evaluations.flip(0), distances.flip(0), *rest), answer(*args))


E4 = Exercise(
    id="L12-E4",
    title="Speed at equal quality",
    minutes=8,
    importance=3,
    reference=speed_up,
    inputs=_settings,
    example=(
        (_tensor([16.0, 4.0, 32.0, 8.0, 1.0]), _tensor([1.0, 2.0, 1.1, 1.5, 9.0]), 3.0, 2.0, 4.0),
        _tensor(3.0),
    ),
    identities=(
        Identity("The order of the settings does not matter.", _is_order_free),
        Identity(
            "A student twice as slow has half the speed-up.",
            lambda answer, args: agree(2 * answer(*args[:4], 2 * args[4]), answer(*args)),
        ),
    ),
    edge_cases=(
        Edge("a single setting", _table([1.0], 3.0), "sizes"),
        Edge("31 settings", partial(_settings, n=31), "sizes"),
        Edge("two settings that are exactly as good as the student", _table([5.0, 2.0, 1.0, 2.0], 2.0), "ties"),
        Edge("no setting that is good enough", _table([3.0, 2.0, 1.0], 0.5), "ties"),
        Edge("settings of which a cheap one is good and a dearer one is not", _table([9.0, 1.5, 3.0, 1.0], 2.0)),
        Edge("a cheap setting that is better than a dear one", _table([9.0, 0.5, 1.9, 1.0], 2.0)),
        Edge("a setting that is hardly worse than the student", _table([9.0, 2.005, 1.999, 1.0], 2.0)),
        Edge("very small distances and costs", partial(_in_units_of, 1e-9, 1e-9), "units"),
        Edge("very large distances and costs", partial(_in_units_of, 1e9, 1e9), "units"),
        Edge("distances from a thousandth to a thousand", _table([1e3, 30.0, 1.1e-2, 0.9e-2, 1e-3], 1e-2), "far"),
    ),
    mistakes=(
        Mistake(
            "best-setting",
            "You compare with the best setting; nobody has to pay for more quality than the student has.",
            _choosing(lambda e, d, enough: e[d.argmin()]),
        ),
        Mistake(
            "dearest-setting",
            "You compare with the dearest setting that is good enough; take the cheapest.",
            _choosing(lambda e, d, enough: e[d <= enough].max()),
        ),
        Mistake(
            "cheapest-of-all",
            "You compare with a setting that is cheap but worse than the student; a larger distance is worse.",
            _choosing(lambda e, d, enough: e.min()),
        ),
        Mistake(
            "strictly-better",
            "You leave out the setting that is exactly as good as the student; at least as good includes it.",
            _choosing(lambda e, d, enough: _least(e[d < enough])),
        ),
        Mistake(
            "first-in-the-table",
            "You take the first setting that is good enough; the table is in no order, so look for the cheapest.",
            _choosing(lambda e, d, enough: e[d <= enough][:1].sum()),
        ),
        Mistake(
            "none-good-enough",
            "You take the least of nothing where no setting is good enough; the speed-up is math.inf there.",
            _choosing(lambda e, d, enough: e[d <= enough].min()),
        ),
        Mistake(
            "mean-of-the-good",
            "You average over the settings that are good enough; nobody needs more than the cheapest.",
            _choosing(lambda e, d, enough: e[d <= enough].mean()),
        ),
        Mistake(
            "nearest-in-quality",
            "You take the setting whose distance is nearest; it may be worse than the student, or needlessly good.",
            _choosing(lambda e, d, enough: e[(d - enough).abs().argmin()]),
        ),
        Mistake(
            "cheaper-settings-all-worse",
            "You go down from the dearest setting until one fails; a cheaper one may be good again.",
            _choosing(lambda e, d, enough: _least(e[(d <= enough) & (e > e.masked_fill(d <= enough, 0).max())])),
        ),
        Mistake(
            "slack",
            "You let settings pass that are slightly worse; at least as good means at most the student's distance.",
            _choosing(lambda e, d, enough: _least(e[d <= 1.02 * enough])),
        ),
        Mistake(
            "student-taken-for-one-evaluation",
            "You divide by nothing; the student costs student_cost, which need not be one.",
            lambda e, d, cost, enough, student_cost: e[d <= enough].min() * cost,
        ),
        Mistake(
            "cost-forgotten",
            "You leave out what an evaluation costs; the solver pays its evaluations times cost.",
            lambda e, d, cost, enough, student_cost: e[d <= enough].min() / student_cost,
        ),
        Mistake(
            "upside-down",
            "Your quotient is upside down: the solver's cost over the student's.",
            lambda e, d, cost, enough, student_cost: student_cost / (e[d <= enough].min() * cost),
        ),
        Mistake(
            "counts-evaluations",
            "You return evaluations; a student's network may be smaller, so multiply with what each of them costs.",
            lambda e, d, cost, enough, student_cost: e[d <= enough].min(),
        ),
        Mistake(
            "rounded-down",
            "You divide whole numbers, or round down; a speed-up may lie between two whole numbers.",
            lambda *settings: math.floor(value) if math.isfinite(value := float(speed_up(*settings))) else value,
        ),
    ),
    alternatives=(
        _by_sorting,
        _choosing(lambda e, d, enough: torch.where(d <= enough, e, torch.full_like(e, math.inf)).amin()),
    ),
)

EXERCISES = (E1, E2, E3, E4)
