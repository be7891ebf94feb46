"""What a fitted Koopman operator says of the future: its matrix, expected observables, a score on other pairs."""

from collections.abc import Callable

import torch
from torch import Tensor

from koopteach.operators.held_out import held_out_score
from koopteach.operators.kept import Kept
from koopteach.operators.linear_algebra import SMALLEST_TOL
from koopteach.protocols import Dictionary
from koopteach.spectrum import Spectrum
from koopteach.tensors import as_count, as_pairs, as_points, map_chunks, refuse_shape, same_kind


class Prediction:
    """The part of :class:`EDMD` that looks ahead."""

    dictionary: Dictionary
    tol: float
    n_pairs: int
    _kept: Kept
    _like: Tensor

    def _moments(self, tol: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        raise NotImplementedError

    def _eigen(self, tol: float) -> tuple[Tensor, Tensor, Tensor]:
        raise NotImplementedError

    def spectrum(self, n_modes: int | None = None) -> Spectrum:
        """The slowest modes."""
        raise NotImplementedError

    @property
    def matrix(self) -> Tensor:
        """The Koopman matrix ``K`` ``(1 + m, 1 + m)`` on ``(1, psi)``: ``E[(1, psi(y)) | x] = (1, psi(x)) K``.

        Its powers are several lags. Directions that the fit dropped are sent to zero. Float64.
        """
        mean_x, mean_y, w, cross = self._moments(self._tol("matrix"))
        k = w @ (w.T @ cross)
        return _with_constant(mean_y - mean_x @ k, k)

    @property
    def eigenvalues(self) -> Tensor:
        """``exp(-rate lag)``, largest first, without the one of the constant: ``(q,)``, also those no mode is made of.

        Complex where the process need not be reversible.
        """
        mu = self._eigen(self._tol("eigenvalues"))[1]
        return mu[mu.abs().argsort(descending=True, stable=True)]

    def predict(self, x: Tensor, k: int = 1, observable: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """The expected observable ``k`` lags after the states ``x`` ``(n, d)``, ``(n, p)``.

        As far as the features span it: an observable that they do not span, the state itself among them, is replaced
        by its regression on them over the pairs that the fit kept.

        Args:
            x: states.
            k: how many lags, from 0.
            observable: ``z (n, d) -> (n, p)``; the dictionary itself predicts its features. None is the state.

        Raises:
            RuntimeError: nothing was fitted yet.
            TypeError, ValueError: points of another kind, or an observable of another shape.

        >>> import torch
        >>> import koopteach as kt
        >>> process, g = kt.OrnsteinUhlenbeck(1, theta=2.0), torch.Generator().manual_seed(0)
        >>> edmd = kt.EDMD(kt.Monomials(1, 2), lag=0.1).fit(*kt.snapshot_pairs(process, 20_000, lag=0.1, generator=g))
        >>> start = torch.tensor([[1.0]], dtype=torch.float64)
        >>> abs(float(edmd.predict(start, k=5)) - 0.368) < 0.03  # exp(-2 * 0.5)
        True
        """
        k = as_count("EDMD.predict", "k", k, at_least=0)
        mean_x, mean_y, w, cross = self._moments(self._tol("predict"))
        x = as_points("EDMD.predict", "x", x, dim=self.dictionary.dim)
        same_kind("EDMD.predict", x, self._like, "what was fitted")

        def features(z: Tensor) -> Tensor:
            psi = (self.dictionary(z) - mean_x) @ w
            return torch.cat([torch.ones_like(psi[:, :1]), psi], dim=1)

        seen = self._kept.pairs.flatten(0, 1)
        values = seen if observable is None else observable(seen)
        refuse_shape("EDMD.predict", "what observable returned", values, (len(seen), "p"), ", one row a state")
        weights = torch.linalg.lstsq(features(seen), values.double()).solution
        step = _with_constant((mean_y - mean_x) @ w, w.T @ cross @ w)
        weights = torch.linalg.matrix_power(step, k) @ weights
        return map_chunks(lambda part: features(part) @ weights, x, self.dictionary.n_features).to(x.dtype)

    def score(self, x: Tensor, y: Tensor, n_modes: int | None = None) -> float:
        """Sum of the autocorrelations of the ``n_modes`` slowest functions on other pairs than those of the fit.

        Larger is better; at most the sum of the true ``exp(-rate lag)``, up to the sampling error of the pairs. Compare
        at one lag and one number of modes; :func:`koopteach.select` does, fold by fold.

        Args:
            x, y: pairs ``(n, d)`` at the lag of the fit, that it has not seen.
            n_modes: None takes all; missing ones count 0.

        Raises:
            RuntimeError: nothing was fitted yet.
            ValueError: complex modes (``reversible=False``), or pairs of another shape.
        """
        self._tol("score")
        x, y = as_pairs("EDMD.score", x, y, dim=self.dictionary.dim)
        spectrum = self.spectrum(n_modes)
        return held_out_score("EDMD.score: the fit", spectrum, (x, y), len(spectrum))

    def _tol(self, what: str) -> float:
        if not self.n_pairs:
            raise RuntimeError(f"EDMD.{what}: nothing was fitted yet. Call fit(x, y) first.")
        return max(self.tol, SMALLEST_TOL[self._like.dtype])


def _with_constant(offset: Tensor, k: Tensor) -> Tensor:
    """``[[1, offset], [0, k]]``."""
    first = torch.cat([torch.ones_like(offset[:1]), offset])
    return torch.cat([first[None], torch.nn.functional.pad(k, (1, 0))])
