"""Dictionaries: vectors of observables ``psi(x)`` with their gradients.

Every dictionary has ``dim``, ``n_features`` and

    psi(x)                           -> (n, m)      values
    psi.grad(x)                      -> (n, m, d)   gradients (of a chunk: callers never ask for all of them)
    psi.contract_grad(x, c (m, r))   -> (n, r, d)   gradients of the r functions sum_j c_jk psi_j

None contains the constant: the estimators centre the features, which removes it exactly.
"""

from koopteach.dictionaries.fourier import RandomFourierFeatures
from koopteach.dictionaries.neural import NeuralDictionary
from koopteach.dictionaries.polynomial import Hermite, Monomials
from koopteach.dictionaries.rbf import GaussianRBF, MultiScale

__all__ = ["GaussianRBF", "Hermite", "Monomials", "MultiScale", "NeuralDictionary", "RandomFourierFeatures"]
