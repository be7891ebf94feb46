"""The paper's free generator, kept so that its collapse can be shown: a dense ``L`` and a learned read-out."""

from typing import Any

import torch
from torch import Tensor, nn

from koopteach.flow_matching import FourierNet
from koopteach.koopman_flow.lifting import Lifting
from koopteach.tensors import as_count, randn


class FreeGenerator(Lifting):
    """``z = [1, t, g(x, t)]`` with a dense generator, whose first two rows are the clock: ``1' = 0``, ``t' = 1``.

    With a decoder the state is ``decoder(g)``: then ``g -> epsilon g`` makes the consistency and the phase loss small
    without obeying them, and ``g`` constant makes them zero. Without one ``g`` begins with ``x`` itself, which is read
    off; the learned observables can still die.

    Args:
        dim: coordinates of a point.
        n_features: length of ``g``, the state included where there is no decoder.
        decoder: whether the read-out is a network.
        width, depth: of the encoder; the decoder has two layers of this width.
        generator: source of the first weights.
        sizes: the others of :class:`FourierNet`, of the encoder.

    Source: Turan et al. 2025, arXiv 2506.22304.
    """

    n_clock = 2

    def __init__(
        self,
        dim: int,
        n_features: int = 16,
        *,
        decoder: bool = True,
        width: int = 96,
        depth: int = 3,
        generator: torch.Generator | None = None,
        **sizes: Any,
    ) -> None:
        super().__init__()
        dim, n_features = as_count("FreeGenerator", "dim", dim), as_count("FreeGenerator", "n_features", n_features)
        if not decoder and n_features <= dim:
            raise ValueError(f"FreeGenerator: n_features must be above {dim} without a decoder, got {n_features}.")
        self.dim, self.n_features, self.n_observables = dim, n_features, 2 + n_features
        learned = n_features if decoder else n_features - dim
        self.net = FourierNet(dim, learned, width=width, depth=depth, generator=generator, **sizes)
        plain: dict[str, int] = {"depth": 2, "n_frequencies": 0, "time_frequencies": 0}
        self.decoder = FourierNet(n_features, dim, width=width, generator=generator, **plain) if decoder else None
        free = randn((n_features, 2 + n_features), torch.empty(0), generator)
        self.free_rows = nn.Parameter(1e-3 * free)

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make another one of the same sizes."""
        encoder = {name: size for name, size in self.net.config.items() if name != "out_dim"}
        return {**encoder, "n_features": self.n_features, "decoder": self.decoder is not None}

    def lift(self, x: Tensor, t: Tensor) -> Tensor:
        """``[1, t, g]``, or ``[1, t, x, g]``, ``(n, D)``."""
        g = self.net(x, t)
        return torch.cat([torch.ones_like(t), t, g] if self.decoder else [torch.ones_like(t), t, x, g], dim=1)

    def generator(self) -> Tensor:
        """``L``, ``(D, D)``, acting on columns ``z``; the two rows of the clock are fixed."""
        clock = self.free_rows.new_zeros(2, self.n_observables)
        clock[1, 0] = 1
        return torch.cat([clock, self.free_rows])

    def evolve(self, z: Tensor, tau: Tensor | float) -> Tensor:
        """``e^{tau L} z`` by ``torch.matrix_exp``, once for each different ``tau``."""
        tau = torch.as_tensor(tau, dtype=z.dtype, device=z.device).reshape(-1)
        different, which = tau.unique(return_inverse=True)
        e = torch.matrix_exp(different[:, None, None] * self.generator())
        return (e[which] @ z[:, :, None])[:, :, 0]

    def read(self, z: Tensor) -> Tensor:
        """The decoded state, or the coordinates that are the state, ``(n, d)``."""
        if self.decoder is None:
            return z[:, 2 : 2 + self.dim]
        return self.decoder(z[:, 2:], z[:, :1])
