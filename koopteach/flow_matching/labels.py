"""Classes of points, as whole numbers from zero on."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def as_labels(operation: str, labels: Any, n: int | None, n_labels: int | None = None) -> Tensor:
    """``labels`` as an int64 tensor ``(n,)``, or of any length or a single one where ``n`` is None.

    Args:
        operation: who asks; opens the message.
        labels: tensor, array, list or number.
        n: how many are needed.
        n_labels: how many classes there are; None where these labels decide it, and each must occur.

    Raises:
        TypeError: no whole numbers.
        ValueError: not one for each point, or classes that there are not.
    """
    found = labels if isinstance(labels, Tensor) else np.asarray(labels)
    kind = str(found.dtype).removeprefix("torch.")
    if not kind.startswith(("int", "uint")):
        raise TypeError(
            f"{operation}: labels must be whole numbers 0, 1, ..., got {kind}. Convert names, for example with "
            "np.unique(labels, return_inverse=True)[1]."
        )
    found = torch.as_tensor(found).long()
    if found.shape != (n,) and (n is not None or found.ndim > 1 or not found.numel()):
        needed = "one label, or one for each point, (n,)," if n is None else f"({n},), one for each point,"
        raise ValueError(f"{operation}: labels has shape {tuple(found.shape)}, but {needed} is needed.")
    known = len(found.unique()) if n_labels is None else n_labels
    if known == 0:
        raise ValueError(f"{operation}: this flow was fitted without labels. Fit it with fit(x1, labels=...).")
    if int(found.min()) < 0 or int(found.max()) >= known:
        hint = " Number them anew: np.unique(labels, return_inverse=True)[1]." if n_labels is None else ""
        raise ValueError(
            f"{operation}: labels lie between {int(found.min())} and {int(found.max())}, but there are {known} "
            f"classes, 0 to {known - 1}.{hint}"
        )
    return found
