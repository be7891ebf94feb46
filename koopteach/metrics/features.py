"""How a sample of pictures compares with another one, seen through the features of a classifier or a latent space."""

import torch
from torch import Tensor

from koopteach.arrays import as_tensor
from koopteach.metrics.density import total_variation
from koopteach.metrics.neighbours import distances, precision
from koopteach.tensors import as_points, map_chunks, symmetric_power


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Squared Wasserstein distance of the Gaussians that have the two samples' means and covariances.

        |mean_x - mean_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^{1/2})

    On the features of a classifier it is what the field
    calls a Frechet inception distance, here with a small classifier: compare its numbers with each other and with
    its noise floor, never with those of another classifier. Small samples make it too large.

    Args:
        x, y: features ``(n, d)`` and ``(m, d)``, two points at least.

    Returns:
        a number without a gradient.

    Raises:
        ValueError: shapes that do not fit, NaN, fewer than two points.

    Identity: shifting a sample by ``c`` gives ``|c|^2``, scaling it about its mean by ``s`` gives
    ``(1 - s)^2 tr C``.

    >>> import torch
    >>> import koopteach as kt
    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> round(kt.frechet_distance(x, x + torch.tensor([3.0, 0.0, 4.0])), 3)
    25.0

    Source: Dowson, Landau 1982 (the formula); Heusel et al. 2017 (on features).
    """
    x = as_points("frechet_distance", "x", x, at_least=2).double()
    y = as_points("frechet_distance", "y", y, dim=x.shape[1], at_least=2).to(x)
    roots = [symmetric_power(z.T.cov().reshape(z.shape[1], z.shape[1])) for z in (x, y)]
    # tr (C_x C_y)^{1/2} is the sum of the singular values of C_x^{1/2} C_y^{1/2}: no root of an unsymmetric matrix
    shared = torch.linalg.svdvals(roots[0] @ roots[1]).sum()
    spread = roots[0].square().sum() + roots[1].square().sum() - 2 * shared
    return max(0.0, float((x.mean(0) - y.mean(0)).square().sum() + spread))


def precision_recall(real: Tensor, fake: Tensor, k: int = 5) -> tuple[float, float]:
    """Share of the fakes among the real ones, and share of the real ones among the fakes.

    *Among* means within the ball around some point of the other sample that reaches to that point's ``k``-th
    nearest neighbour (:func:`precision`). Pictures that look like none score a low precision; kinds of pictures that
    never appear cost recall. Both rise with the number of points: compare at equal numbers.

    Args:
        real: features ``(n, d)`` of data.
        fake: features ``(m, d)`` of the sample to be judged.
        k: which neighbour sets the radius.

    Raises:
        ValueError: shapes that do not fit, NaN, or ``k`` outside ``1 .. min(n, m) - 1``.

    Identity: a sample compared with itself scores ``(1, 1)``; exchanging the samples exchanges the numbers.

    >>> import torch
    >>> import koopteach as kt
    >>> real = torch.arange(10.0)[:, None]
    >>> kt.precision_recall(real, torch.tensor([[0.0], [1.0], [2.0], [50.0], [51.0]]), k=1)  # two strays, many missed
    (0.6, 0.4)

    Source: Kynkaanniemi et al. 2019 (arXiv 1904.06991).
    """
    return precision(fake, real, k=k), precision(real, fake, k=k)


def class_balance(labels: Tensor, reference: Tensor) -> float:
    """Total variation between the class frequencies of two samples: the share of pictures in the wrong class.

    Args:
        labels: ``(n,)``, whole numbers from 0, for example what a classifier says of the sample to be judged.
        reference: ``(m,)``, of the data.

    Raises:
        TypeError, ValueError: labels that are no whole numbers, negative, or none.

    >>> import torch
    >>> import koopteach as kt
    >>> kt.class_balance(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1]))
    0.25
    """
    shares = [_label_counts(name, value) for name, value in (("labels", labels), ("reference", reference))]
    most = max(map(len, shares))
    padded = [torch.nn.functional.pad(count, (0, most - len(count))) / count.sum() for count in shares]
    return total_variation(*padded)


def _label_counts(name: str, labels: Tensor) -> Tensor:
    labels = as_tensor("class_balance", name, labels)
    if labels.is_complex() or not bool((labels.long() == labels).all()):
        raise TypeError(f"class_balance: {name} must be whole numbers, got {labels.dtype} with others among them.")
    labels = labels.long()
    if labels.ndim != 1 or not len(labels) or bool((labels < 0).any()):
        raise ValueError(f"class_balance: {name} must be (n,), n > 0, not negative, got {tuple(labels.shape)}.")
    return torch.bincount(labels).double().cpu()


def neighbour_ratio(x: Tensor, train: Tensor, held_out: Tensor) -> float:
    """Median distance to the nearest training point, over the same of held-out data: do samples copy?

    Zero for copies of the training data, one for new points of the same law, above one for points in empty land.

    Args:
        x: the sample to be judged ``(n, d)``.
        train: what the model was fitted to ``(m, d)``.
        held_out: data that it was not fitted to ``(k, d)``.

    Raises:
        ValueError: shapes that do not fit, NaN, or held-out points that are training points themselves.

    >>> import torch
    >>> import koopteach as kt
    >>> train, held_out = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.4], [1.4]])
    >>> kt.neighbour_ratio(train, train, held_out), kt.neighbour_ratio(held_out, train, held_out)  # copies; new points
    (0.0, 1.0)
    """
    x = as_points("neighbour_ratio", "x", x)
    train = as_points("neighbour_ratio", "train", train, dim=x.shape[1]).to(x)
    held_out = as_points("neighbour_ratio", "held_out", held_out, dim=x.shape[1]).to(x)
    usual = float(_to_nearest(held_out, train).median())
    if not usual > 0:
        raise ValueError("neighbour_ratio: half of held_out lies on points of train. Was the model fitted to all data?")
    return float(_to_nearest(x, train).median()) / usual


def _to_nearest(x: Tensor, y: Tensor) -> Tensor:
    """Distance of each row of ``x`` to the nearest row of ``y``, ``(n,)``."""
    return map_chunks(lambda part: distances(part, y).amin(dim=1), x, len(y))
