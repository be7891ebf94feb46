"""KoopmanFlow: a student that lifts a teacher's flow to a linear one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from koopteach.flow_matching import Flow, Training, train
from koopteach.flow_matching.paths import widened
from koopteach.koopman_flow.diagnose import Diagnosis, diagnose
from koopteach.koopman_flow.files import load_lifting, save_lifting
from koopteach.koopman_flow.free import FreeGenerator
from koopteach.koopman_flow.lifting import Lifting, path_lift, state_lift
from koopteach.koopman_flow.linear_flow import LinearFlow
from koopteach.koopman_flow.losses import checked_weights, coefficient_loss, training_loss
from koopteach.koopman_flow.paths import TeacherPaths, teacher_paths
from koopteach.koopman_flow.time_functions import fit_time_functions
from koopteach.tensors import as_points

GENERATORS = ("mode_sum", "free")
METHODS = ("coefficients", "consistency")
_SIZES = {"width": 96, "depth": 3}


class KoopmanFlow(LinearFlow):
    """Observables ``z(x, t)`` in which the teacher's flow is linear: one lift, then ``e^{tL}`` for every time.

    ``x(t) = C e^{tL} z(x0, 0)``, with ``Lie z = L z`` along the teacher's paths.

    Args:
        teacher: any :class:`Flow`; None beside a lifting that is ready, which then cannot be trained or diagnosed.
        generator: ``"mode_sum"`` (the robust form, see :class:`ModeSum`), ``"free"`` (the paper's dense generator with
            a decoder, see :class:`FreeGenerator`, whose collapse is to be seen), or a lifting of one's own.
        n_pairs: ``K`` of the mode sum: 0 for straight flows, 1 or 2 for others.
        net: sizes of the network, as of :class:`FourierNet`; width 96 and depth 3 where nothing is said.

    Attributes:
        lifting: the model, after ``fit``.
        training: the record of ``fit``.
        nfe: evaluations of the network in the last transport, trajectory, inversion or sample: one.

    Raises:
        ValueError: another generator, or negative ``n_pairs``.

    Source: Turan et al. 2025, arXiv 2506.22304, for the consistency training; the mode sum is ours.
    """

    def __init__(
        self,
        teacher: Flow | None,
        *,
        generator: str | Lifting = "mode_sum",
        n_pairs: int = 1,
        net: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(generator, Lifting) and generator not in GENERATORS:
            raise ValueError(f"KoopmanFlow: generator must be one of {', '.join(GENERATORS)}, got {generator!r}.")
        if not (isinstance(n_pairs, int) and n_pairs >= 0):
            raise ValueError(f"KoopmanFlow: n_pairs must be a whole number of at least 0, got {n_pairs!r}.")
        self.lifting: Lifting | None = generator if isinstance(generator, Lifting) else None
        if teacher is None and self.lifting is None:
            raise ValueError("KoopmanFlow: a teacher is needed, any flow with a velocity, such as a FlowMatching.")
        self.dim = teacher.dim if self.lifting is None else self.lifting.dim
        if teacher is not None and teacher.dim != self.dim:
            raise ValueError(
                f"KoopmanFlow: the lifting is for dimension {self.dim}, but the teacher has dimension {teacher.dim}."
            )
        self.teacher, self.n_pairs = teacher, n_pairs
        self.generator, self.sizes = generator, {**_SIZES, **(net or {})}
        self.training: Training | None = None
        self._like = torch.empty(0, dtype=torch.float64) if teacher is None else teacher._like
        self._x0 = None if teacher is None else teacher._x0

    def fit(
        self,
        method: str = "coefficients",
        *,
        spectrum: Any = None,
        weights: str | dict[str, float] | None = None,
        learn_spectrum: bool = True,
        n_paths: int = 12_000,
        x0: Tensor | None = None,
        n_steps: int = 2500,
        batch: int = 256,
        lr: float = 5e-3,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """Learn from the teacher's paths; afterwards the teacher is needed for ``diagnose`` alone.

        Args:
            method: ``"coefficients"``, regression on whitened path labels: the path at all times as one plain mean
                square, as cheap as regression of the end point; or ``"consistency"``, the paper's ``Lie z = L z`` with
                its partners, for the generator itself.
            spectrum: complex ``(K,)``, ``a + ib``. None: for coefficients the time functions that fit the paths best,
                for consistency a start at ``i k pi / 2``.
            weights: of the terms of ``"consistency"``: ``"balanced"``, ``"paper"``, ``"path"``, ``"autoencoder"``, or a
                dictionary of consistency, target, path, phase, reconstruction. None: balanced for a mode sum, else
                autoencoder.
            learn_spectrum: whether ``"consistency"`` moves the spectrum.
            n_paths: paths asked of the teacher.
            x0: start points ``(n, d)`` of the paths; None draws them from the teacher's source, every fourth of those
                for coefficients a quarter further out, so that rare noise is met, too.
            n_steps, batch, lr: of the training.
            generator: source of the paths, the first weights and the batches.
            verbose: a progress bar where somebody watches, and a line when the training stopped early.

        Raises:
            ValueError: another method, preset or term; a spectrum that is not ``(K,)``; a size below one.
        """
        if method not in METHODS:
            raise ValueError(f"fit: method must be one of {', '.join(METHODS)}, got {method!r}.")
        if method == "coefficients" and self.generator != "mode_sum":
            raise ValueError('fit: method="coefficients" needs generator="mode_sum"; use method="consistency".')
        if min(n_paths, batch) < 1:
            raise ValueError(f"fit: n_paths and batch must be at least 1, got {n_paths} and {batch}.")
        pinned = self.generator == "mode_sum" or getattr(self.generator, "pinned", False)
        terms = checked_weights(("balanced" if pinned else "autoencoder") if weights is None else weights)
        if x0 is None:
            x0 = self.source(n_paths, generator)
            x0 = widened(x0) if method == "coefficients" else x0
        by_rate = method == "consistency" and bool(terms.get("consistency"))
        paths = teacher_paths(self._teacher("fit"), x0, velocities=by_rate)
        learned, loss = self._prepare(method, paths, spectrum, terms, learn_spectrum, batch, generator)
        self.training = train(
            loss, learned, n_steps=n_steps, lr=lr, ema=0.995, name=type(self).__name__, verbose=verbose
        )
        return self

    def _prepare(
        self,
        method: str,
        paths: TeacherPaths,
        spectrum: Any,
        terms: dict[str, float],
        learn_spectrum: bool,
        batch: int,
        generator: torch.Generator | None,
    ) -> tuple[list[Tensor], Any]:
        """The parameters to train and their loss; makes the lifting."""
        pairs = None if spectrum is None else self._pairs(spectrum)
        sizes = {"generator": generator, **self.sizes}
        if method == "coefficients":
            pairs = pairs or fit_time_functions(paths.states, paths.times, self.n_pairs)[:2]
            self.lifting = path_lift(self.dim, paths.times, *pairs, **sizes).to(paths.states.device)
            return list(self.lifting.net.parameters()), coefficient_loss(
                self.lifting, self._on(paths), batch, generator
            )
        if self.generator == "mode_sum":
            self.lifting = state_lift(self.dim, self.n_pairs, *(pairs or ()), **sizes)
        elif self.generator == "free":
            self.lifting = FreeGenerator(self.dim, width=self.sizes["width"], generator=generator)
        self.lifting.to(paths.states.device)
        fixed = set() if learn_spectrum else {"growth", "frequency"}
        learned = [p for name, p in self.lifting.named_parameters() if name not in fixed and p.numel()]
        return learned, training_loss(self.lifting, self._on(paths), terms, batch, generator)

    def _on(self, paths: TeacherPaths) -> TeacherPaths:
        return paths.to(next(self.lifting.net.parameters()))

    def _pairs(self, spectrum: Any) -> tuple[Tensor, Tensor]:
        spectrum = torch.as_tensor(spectrum, dtype=torch.complex128)
        if spectrum.shape != (self.n_pairs,):
            raise ValueError(
                f"fit: spectrum has shape {tuple(spectrum.shape)}, but one a + ib for each of the {self.n_pairs} "
                "pairs is needed."
            )
        return spectrum.real, spectrum.imag

    def diagnose(self, x0: Tensor, *, verbose: bool = True) -> Diagnosis:
        """How linear the lifted flow is and how far its paths are from the teacher's, from start points ``(n, d)``.

        Args:
            x0: points that the training has not seen.
            verbose: say in a line when the model has collapsed.
        """
        lifting = self._fitted("diagnose")
        told = diagnose(
            lifting, teacher_paths(self._teacher("diagnose"), as_points("diagnose", "x0", x0, dim=self.dim))
        )
        if verbose and told.collapsed:
            print(f"KoopmanFlow: {told.verdict}")
        return told

    def save(self, path: str | Path) -> None:
        """Write the lifting to a safetensors file, its configuration inside; the teacher is not part of it.

        Raises:
            RuntimeError: not fitted, or a lifting of one's own.
        """
        save_lifting(path, self._fitted("save"), self._x0)

    @classmethod
    def load(cls, path: str | Path, teacher: Flow | None = None) -> Self:
        """The student of a file that :meth:`save` wrote; runs no code of the file.

        Args:
            path: the file.
            teacher: for ``diagnose``; not needed otherwise.

        Raises:
            FileNotFoundError, ValueError: no such file; truncated, foreign, or of another kind; a teacher of another
                dimension.
        """
        lifting, x0 = load_lifting(path)
        flow = cls(teacher, generator=lifting, n_pairs=getattr(lifting, "n_pairs", 0))
        if x0 is not None:
            flow._x0, flow._like = x0, x0.new_empty(0)
        return flow

    def _teacher(self, who: str) -> Flow:
        if self.teacher is None:
            raise RuntimeError(f"{who}: a loaded KoopmanFlow has no teacher. Use KoopmanFlow.load(path, teacher).")
        return self.teacher
