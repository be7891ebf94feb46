"""Many states from one lift, fast: what is linear folded into the last layer, and a tile of points at a time."""

import torch
from torch import Tensor, nn

from koopteach.flow_matching.net import FourierNet, like_weights
from koopteach.koopman_flow.lifting import Lifting, ModeSum

# Rows whose hidden layers stay in a core's own cache.
TILE = 2048


class Folded:
    """``x -> states (k, n, d)`` read at ``taus`` ``(k,)`` after a lift at time ``t``, the same for all points.

    A lift, its exponentials and the read-out are linear in ``(out, x)``, where ``out`` is the network's answer. Pushed
    through once for each unit vector, they become one matrix behind the last hidden layer; the clock's features, equal
    for all points, become part of the first layer's bias.
    """

    def __init__(self, lifting: ModeSum, t: float, taus: Tensor) -> None:
        net, d = lifting.net, lifting.dim
        self.dim, self.count, self.frequencies = d, len(taus), net.frequencies
        from_out, from_x = self._read_out(lifting, t, taus)
        first, *middle, last = (layer for layer in net.layers if isinstance(layer, nn.Linear))
        self.last = (from_out @ last.bias, (from_out @ last.weight).T)
        self.direct = from_x.T
        clock = net.features(last.weight.new_zeros(1, d), last.weight.new_full((1, 1), t))[0]
        waves = d + 1 + 2 * len(net.time_frequencies)
        clock[waves:] = 0
        state = torch.cat([first.weight[:, :d], first.weight[:, waves:]], dim=1)
        hidden = [(layer.bias, layer.weight.T) for layer in middle]
        self.hidden = [(first.bias + first.weight @ clock, state.T.contiguous()), *hidden]

    @staticmethod
    def _read_out(lifting: ModeSum, t: float, taus: Tensor) -> tuple[Tensor, Tensor]:
        """The matrices ``(k d, outputs)`` and ``(k d, d)`` of the linear part."""
        outputs, d = lifting.net.out_dim, lifting.dim
        unit = torch.eye(outputs + d, dtype=lifting.growth.dtype, device=lifting.growth.device)
        z = lifting.complete(unit[:, :outputs], unit[:, outputs:], unit.new_full((len(unit), 1), t))
        states = torch.stack([lifting.read(lifting.evolve(z, float(tau))) for tau in taus], dim=1)
        matrix = states.flatten(1).T
        return matrix[:, :outputs], matrix[:, outputs:]

    def __call__(self, x: Tensor) -> Tensor:
        states = torch.cat([self._tile(part) for part in x.to(self.direct.dtype).split(TILE)])
        return states.to(x.dtype).reshape(len(x), self.count, self.dim).transpose(0, 1)

    def _tile(self, x: Tensor) -> Tensor:
        waves = x @ self.frequencies.T
        h = torch.cat([x, waves.sin(), waves.cos_()], dim=1)
        for bias, weight in self.hidden:
            h = torch.nn.functional.silu(torch.addmm(bias, h, weight), inplace=True)
        return torch.addmm(self.last[0], h, self.last[1]).addmm_(x, self.direct)


def _foldable(lifting: ModeSum) -> bool:
    return type(lifting).lift is ModeSum.lift and isinstance(lifting.net, FourierNet)


def read_states(lifting: Lifting, x: Tensor, t: float, taus: Tensor) -> Tensor:
    """States ``(k, n, d)`` read at ``taus`` ``(k,)`` after one lift of ``x`` ``(n, d)`` at time ``t``."""
    # what is folded works in place, and so has no gradient
    if isinstance(lifting, ModeSum) and _foldable(lifting) and not torch.is_grad_enabled():
        return Folded(lifting, t, taus)(x)
    like = like_weights(lifting)
    z = lifting.lift(x.to(like), like.new_full((len(x), 1), t))
    return torch.stack([lifting.read(lifting.evolve(z, float(tau))) for tau in taus]).to(x)
