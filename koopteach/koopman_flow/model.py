"""KoopmanFlow: a student that lifts a teacher's flow to a linear one."""

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from koopteach.flow_matching import Flow, Training, train
from koopteach.flow_matching.net import like_weights, own_copy, to_train
from koopteach.flow_matching.paths import widened
from koopteach.flow_matching.units import warn_of_units
from koopteach.koopman_flow.diagnose import Diagnosis, diagnose
from koopteach.koopman_flow.files import load_lifting, save_lifting
from koopteach.koopman_flow.free import FreeGenerator
from koopteach.koopman_flow.lifting import Lifting, ModeSum, PathLift, check_lifting, path_lift, state_lift
from koopteach.koopman_flow.linear_flow import LinearFlow
from koopteach.koopman_flow.losses import LATER, checked_weights, coefficient_loss, training_loss
from koopteach.koopman_flow.paths import TeacherPaths, teacher_paths
from koopteach.koopman_flow.time_functions import fit_time_functions
from koopteach.tensors import as_count, as_number, as_points, refuse_shape

GENERATORS = ("mode_sum", "free")
METHODS = {"coefficients": 2e-2, "consistency": 5e-3}  # with the largest step size of each
_SIZES: dict[str, Any] = {"width": 96, "depth": 3}


class KoopmanFlow(LinearFlow):
    """Observables ``z(x, t)`` in which the teacher's flow is linear: one lift, then ``e^{tL}`` for every time.

    ``x(t) = C e^{tL} z(x0, 0)``, with ``Lie z = L z`` along the teacher's paths, in the teacher's :class:`Units`.

    Args:
        teacher: any :class:`Flow`; None beside a lifting that is ready, which then cannot be trained or diagnosed.
        generator: ``"mode_sum"`` (the robust form, see :class:`ModeSum`), ``"free"`` (the paper's dense generator with
            a decoder, see :class:`FreeGenerator`, whose collapse is to be seen), or a lifting of one's own, of which a
            copy is used.
        n_pairs: ``K`` of the mode sum: two by default, none for straight flows, one where rates and modes are to be
            read. A second pair makes the functions of time a better basis, which about halves the error of the path;
            its rate is often at the bounds of the search, and the rates of both mean less.
        net: sizes of the network, as of :class:`FourierNet`; width 96 and depth 3 where nothing is said. Or a module of
            one's own for a mode sum, ``net(x (n, d), t (n, 1)) -> (n, (2 + 2K) d)`` for ``method="coefficients"``,
            ``(n, (1 + 2K) d)`` for ``"consistency"``; ``fit`` trains a copy, in its dtype.

    Attributes:
        lifting: the model, after ``fit``; without gradients of its parameters, dropout off.
        training: the record of ``fit``.
        nfe: evaluations of the network in the last transport, trajectory, inversion or sample: one.

    Raises:
        TypeError, ValueError: another generator, ``n_pairs`` that is no whole number of at least zero, a lifting of
            another dimension than the teacher's, or whose observables are not as many as it says.

    >>> import torch
    >>> import koopteach as kt
    >>> teacher, stream = kt.GaussianFlow([1.0, 0.0], [2.0, 0.5]), torch.Generator().manual_seed(0)
    >>> student = kt.KoopmanFlow(teacher, net={"width": 16, "depth": 2, "n_frequencies": 0})
    >>> student.fit(n_paths=500, n_steps=50, batch=64, lr=1e-2, generator=stream)
    KoopmanFlow(dim 2, mode_sum, Training(50 steps))
    >>> x0 = teacher.source(100, stream)
    >>> tuple(student.transport(x0).shape), tuple(student.trajectory(x0, [0.0, 0.5, 1.0]).shape), student.nfe
    ((100, 2), (3, 100, 2), 1)
    >>> bool(torch.allclose(student.modes(x0).at(0.5), student.transport(x0, t=0.5), atol=1e-4))
    True

    Source: Turan et al. 2025, arXiv 2506.22304, for the consistency training; the mode sum is ours.
    """

    def __init__(
        self,
        teacher: Flow | None,
        *,
        generator: str | Lifting = "mode_sum",
        n_pairs: int = 2,
        net: dict[str, Any] | nn.Module | None = None,
    ) -> None:
        if isinstance(generator, Lifting):
            self.lifting, self.dim = own_copy(generator), generator.dim
            check_lifting(self.lifting)
            n_pairs = self.lifting.n_pairs if isinstance(self.lifting, ModeSum) else n_pairs
        elif generator not in GENERATORS:
            raise ValueError(f"KoopmanFlow: generator must be one of {', '.join(GENERATORS)}, got {generator!r}.")
        elif teacher is None:
            raise ValueError("KoopmanFlow: a teacher is needed, any flow with a velocity, such as a FlowMatching.")
        else:
            self.lifting, self.dim = None, teacher.dim
        if teacher is not None and teacher.dim != self.dim:
            raise ValueError(f"KoopmanFlow: the lifting is for dimension {self.dim}, the teacher for {teacher.dim}.")
        self.teacher, self.n_pairs = teacher, as_count("KoopmanFlow", "n_pairs", n_pairs, at_least=0)
        self.generator = generator
        self.sizes: dict[str, Any] = _SIZES | (net if isinstance(net, dict) else {})
        if isinstance(net, nn.Module):
            if generator != "mode_sum":
                raise ValueError('KoopmanFlow: a module as net needs generator="mode_sum"; give another as a Lifting.')
            self.sizes = {"net": net}
        self.training: Training | None = None
        self._like = torch.empty(0, dtype=torch.float64) if teacher is None else teacher._like
        self._x0, self._units = (None, None) if teacher is None else (teacher._x0, teacher._units)

    def fit(
        self,
        method: str = "coefficients",
        *,
        spectrum: Any = None,
        weights: str | dict[str, float] | None = None,
        learn_spectrum: bool = True,
        later_starts: float | None = None,
        n_paths: int = 12_000,
        x0: Tensor | None = None,
        n_steps: int = 2500,
        batch: int = 256,
        lr: float | None = None,
        generator: torch.Generator | None = None,
        verbose: bool = True,
    ) -> Self:
        """Learn from the teacher's paths; afterwards the teacher is needed for ``diagnose`` alone.

        A second call starts anew. To go on with ``"consistency"`` where a student ended, give its lifting as
        ``generator`` to another one.

        Args:
            method: ``"coefficients"``, regression on whitened path labels: the path at all times as one plain mean
                square, as cheap as regression of the end point; or ``"consistency"``, the paper's ``Lie z = L z`` with
                its partners, for the generator itself.
            spectrum: complex ``(K,)``, ``a + ib``, of a mode sum. None: for coefficients the time functions that fit
                the paths best, for consistency a start at ``i k pi / 2``.
            weights: of the terms of ``"consistency"``: ``"balanced"``, ``"paper"``, ``"path"``, ``"autoencoder"``, or a
                dictionary of consistency, target, path, phase, reconstruction. None: balanced for a mode sum, else
                autoencoder.
            learn_spectrum: whether ``"consistency"`` moves the spectrum; False needs a mode sum.
            later_starts: for coefficients, the share of each batch that starts on the way, t > 0, in [0, 1); None:
                half. It teaches the way back. 0 makes ends and paths a little better, for transport and sampling
                alone: ``invert`` is refused, and a lift or a velocity at t > 0 means nothing.
            n_paths: paths asked of the teacher.
            x0: start points ``(n, d)`` of the paths; None draws them from the teacher's source, every fourth of those
                for coefficients a quarter further out, so that rare noise is met, too.
            n_steps, batch: of the training.
            lr: its largest step size; None: 0.02 for coefficients, 0.005 for consistency.
            generator: source of the paths, the first weights and the batches.
            verbose: a progress bar where somebody watches, and a line when the training stopped early.

        Raises:
            TypeError, ValueError: another method, preset or term; a spectrum that is not ``(K,)``; an option that this
                method or generator has no use for; a share outside [0, 1); a size that is no whole number of at least
                one.
        """
        self._check_options(method, spectrum, weights, learn_spectrum, later_starts)
        later = LATER if later_starts is None else _share(later_starts)
        lr = METHODS[method] if lr is None else lr
        n_paths, batch = as_count("fit", "n_paths", n_paths), as_count("fit", "batch", batch)
        pinned = self.generator == "mode_sum" or getattr(self.generator, "pinned", False)
        terms = checked_weights(("balanced" if pinned else "autoencoder") if weights is None else weights)
        if x0 is None:
            x0 = self.source(n_paths, generator)
            x0 = widened(x0) if method == "coefficients" else x0
        by_rate = method == "consistency" and bool(terms.get("consistency"))
        teacher, start = self._teacher("fit")._mapped(as_points("fit", "x0", x0, dim=self.dim))
        paths = teacher_paths(teacher, start, velocities=by_rate)
        warn_of_units("KoopmanFlow.fit: what the teacher makes", paths.states[-1])
        pairs = None if spectrum is None else self._pairs(spectrum)
        if method == "coefficients":
            lifting, learned = self._path_lift(paths, pairs, generator)
            loss = coefficient_loss(lifting, paths.to(like_weights(lifting)), batch, generator, later)
        else:
            lifting, learned = self._fresh(paths, pairs, learn_spectrum, generator)
            loss = training_loss(lifting, paths.to(like_weights(lifting)), terms, batch, generator)
        lifting.way_back = method != "coefficients" or later > 0
        self.lifting = lifting
        try:
            self.training = train(loss, learned, n_steps=n_steps, lr=lr, ema=0.995, name="KoopmanFlow", verbose=verbose)
        finally:
            lifting.requires_grad_(False).eval()
        return self

    def _check_options(
        self, method: str, spectrum: Any, weights: Any, learn_spectrum: bool, later_starts: float | None
    ) -> None:
        """Refuse what a training would not look at."""
        mode_sum = self.generator == "mode_sum"
        if method not in METHODS:
            raise ValueError(f"fit: method must be one of {', '.join(METHODS)}, got {method!r}.")
        if method == "coefficients" and not mode_sum:
            raise ValueError('fit: method="coefficients" needs generator="mode_sum"; use method="consistency".')
        if method == "coefficients" and weights is not None:
            raise ValueError('fit: weights are of the terms of method="consistency"; "coefficients" has one term.')
        if method != "coefficients" and later_starts is not None:
            raise ValueError('fit: later_starts is for method="coefficients"; "consistency" starts everywhere.')
        if spectrum is not None and not mode_sum:
            raise ValueError('fit: spectrum needs generator="mode_sum"; another one has its own.')
        if not learn_spectrum and not (mode_sum or isinstance(self.generator, ModeSum)):
            raise ValueError('fit: learn_spectrum=False needs generator="mode_sum"; no other has a spectrum to keep.')

    def _path_lift(
        self, paths: TeacherPaths, pairs: tuple[Tensor, Tensor] | None, generator: torch.Generator | None
    ) -> tuple[PathLift, list[nn.Parameter]]:
        """A fresh lifting for the regression of coefficients, where the paths are, and its parameters."""
        if pairs is None:
            pairs = fit_time_functions(paths.states, paths.times, self.n_pairs)[:2]
        lifting = path_lift(self.dim, paths.times, pairs, generator=generator, **self.sizes)
        lifting.net, learned = to_train(lifting.net)
        return lifting.to(paths.states.device), learned

    def _fresh(
        self,
        paths: TeacherPaths,
        pairs: tuple[Tensor, Tensor] | None,
        learn_spectrum: bool,
        generator: torch.Generator | None,
    ) -> tuple[Lifting, list[nn.Parameter]]:
        """A fresh lifting for the consistency training, or a copy of one's own, and the parameters that it moves."""
        if isinstance(self.generator, Lifting):
            lifting = self.generator
        elif self.generator == "mode_sum":
            lifting = state_lift(self.dim, self.n_pairs, pairs, generator=generator, **self.sizes)
        else:
            lifting = FreeGenerator(self.dim, generator=generator, **self.sizes)
        lifting, learned = to_train(lifting)
        kept = () if learn_spectrum or not isinstance(lifting, ModeSum) else (lifting.growth, lifting.frequency)
        learned = [p for p in learned if p.numel() and not any(p is fixed for fixed in kept)]
        return lifting.to(paths.states.device), learned

    def _pairs(self, spectrum: Any) -> tuple[Tensor, Tensor]:
        spectrum = torch.as_tensor(spectrum, dtype=torch.complex128)
        refuse_shape("fit", "spectrum", spectrum, (self.n_pairs,), ", one a + ib for each pair")
        return spectrum.real, spectrum.imag

    def diagnose(self, x0: Tensor, *, verbose: bool = True) -> Diagnosis:
        """How linear the lifted flow is and how far its paths are from the teacher's, from start points ``(n, d)``.

        Args:
            x0: points that the training has not seen.
            verbose: say in a line when the model has collapsed, or was not trained far enough.
        """
        lifting, x0 = self._fitted("diagnose"), as_points("diagnose", "x0", x0, dim=self.dim)
        diagnosis = diagnose(lifting, teacher_paths(*self._teacher("diagnose")._mapped(x0)))
        if verbose and diagnosis.verdict:
            print(f"KoopmanFlow: {diagnosis.verdict}")
        return diagnosis

    def save(self, path: str | Path) -> None:
        """Write the lifting and the source to a safetensors file; the teacher is not part of it.

        Raises:
            RuntimeError: not fitted, or a lifting of one's own.
        """
        save_lifting(path, self._fitted("save"), self._source_tensors())

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
        lifting, source = load_lifting(path)
        flow = cls(teacher, generator=lifting)
        flow._restore_source(source)
        return flow

    def _teacher(self, who: str) -> Flow:
        if self.teacher is None:
            raise RuntimeError(f"{who}: a loaded KoopmanFlow has no teacher. Use KoopmanFlow.load(path, teacher).")
        return self.teacher

    def __repr__(self) -> str:
        form = self.generator if isinstance(self.generator, str) else type(self.generator).__name__
        state = "not fitted" if self.lifting is None else self.training or "lifting given"
        return f"KoopmanFlow(dim {self.dim}, {form}, {state})"


def _share(later_starts: float) -> float:
    """A share below one: some paths must start at t = 0.

    Raises:
        TypeError, ValueError: no number, outside [0, 1).
    """
    share = as_number("fit", "later_starts", later_starts)
    if not 0 <= share < 1:
        raise ValueError(f"fit: later_starts must lie in [0, 1), a share of each batch, got {share:g}.")
    return share
