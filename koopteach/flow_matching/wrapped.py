"""A velocity of one's own as a flow: anything that can be called with points and times."""

from collections.abc import Callable

from torch import Tensor, nn

from koopteach.flow_matching.flow import Flow
from koopteach.flow_matching.net import like_weights
from koopteach.tensors import as_count, as_points, refuse_shape


class VelocityFlow(Flow):
    """The flow of a plain function ``v(x, t)``: a teacher for :class:`KoopmanFlow`, :func:`reflow`, :func:`distill`.

    Args:
        function: gives velocities ``(n, d)`` at points ``(n, d)`` and times ``(n, 1)``, row by row; a module of another
            library is wrapped as ``lambda x, t: model(t[:, 0], x)``. A module is asked in the dtype of its weights.
        dim: coordinates of a point.
        x0: samples ``(m, d)`` of the source; None for N(0, I).

    Raises:
        TypeError, ValueError: ``function`` that cannot be called, ``dim`` that is no whole number of at least one,
            points that do not fit; later, where it is asked, an answer of another shape.

    >>> import torch
    >>> import koopteach as kt
    >>> flow = kt.VelocityFlow(lambda x, t: 3 * torch.ones_like(x), dim=2)
    >>> flow.transport(torch.zeros(1, 2)).tolist()
    [[3.0, 3.0]]
    >>> student = kt.KoopmanFlow(flow, n_pairs=0, net={"width": 8}).fit(n_paths=50, n_steps=5, verbose=False)
    >>> student.nfe, tuple(student.sample(4).shape)
    (0, (4, 2))
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], dim: int, *, x0: Tensor | None = None) -> None:
        if not callable(function):
            raise TypeError(f"VelocityFlow: function must be callable as v(x, t), got {function!r:.80}.")
        self.function, self.dim = function, as_count("VelocityFlow", "dim", dim)
        self._x0 = None if x0 is None else as_points("VelocityFlow", "x0", x0, dim=self.dim)
        if self._x0 is not None:
            self._like = self._x0.new_empty(0)

    def _velocity(self, x: Tensor, t: Tensor) -> Tensor:
        like = like_weights(self.function) if isinstance(self.function, nn.Module) else x
        v = self.function(x.to(like), t.to(like)).to(x)
        refuse_shape("VelocityFlow", "what function returned", v, tuple(x.shape), ", one velocity a point")
        return v
