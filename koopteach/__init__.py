"""koopteach: Koopman operators for generative modelling, a course and its package.

Every public name can be imported from here, and costs nothing until it is used (PEP 562)::

    from koopteach import GaussianMixture, GeneratorEDMD, KSWGD, MultiScale, run_particles
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "dictionaries": (
        "Fourier",
        "GaussianRBF",
        "Hermite",
        "Monomials",
        "MultiScale",
        "NeuralDictionary",
        "RandomFourierFeatures",
    ),
    "flow_matching": (
        "DirectMap",
        "Flow",
        "FlowMatching",
        "FourierNet",
        "GaussianFlow",
        "MixtureFlow",
        "Straightness",
        "Training",
        "distill",
        "integrate",
        "linear_path",
        "local_permutation",
        "ot_permutation",
        "reflow",
        "straightness",
        "train",
    ),
    "images": ("Autoencoder", "Classifier", "ImageSet", "PrincipalComponents", "load_images"),
    "interpolants": (
        "Chart",
        "CodedChart",
        "ConditionalAffine",
        "ConditionalCoupling",
        "ConvexChart",
        "ConvexMap",
        "CouplingChart",
        "CurvedInterpolant",
        "DecodedChart",
        "Descent",
        "Field",
        "GaussianStraight",
        "Geodesic",
        "GlowInterpolant",
        "GlowStep",
        "Interpolant",
        "LearnedSchedule",
        "LinearInterpolant",
        "MatrixInterpolant",
        "PushedChart",
        "Schedule",
        "TabulatedSchedule",
        "TrigonometricInterpolant",
        "acceleration",
        "check_interpolant",
        "fit_convex_map",
        "geodesic_schedule",
        "optimal_field",
        "straighten",
    ),
    "koopman_flow": (
        "Diagnosis",
        "FreeGenerator",
        "KoopmanFlow",
        "Modes",
        "TeacherPaths",
        "fit_time_functions",
        "teacher_paths",
        "time_functions",
    ),
    "langevin": ("kde_score", "kde_snapshot_pairs", "langevin_trajectory", "snapshot_pairs"),
    "metrics": (
        "class_balance",
        "coverage",
        "frechet_distance",
        "kl_histogram",
        "mmd",
        "mode_weights",
        "neighbour_ratio",
        "noise_floor",
        "precision",
        "precision_recall",
        "sliced_wasserstein2",
        "total_variation",
        "wasserstein2",
    ),
    "operators": ("EDMD", "DiffusionMaps", "GeneratorEDMD", "KernelEDMD", "Selection", "select", "spectral_score"),
    "particles": (
        "DMPS",
        "KSWGD",
        "LAWGD",
        "MALA",
        "SVGD",
        "ULA",
        "Conditioned",
        "Ladder",
        "Run",
        "condition",
        "denoise",
        "effective_sample_size",
        "run_particles",
        "systematic_resample",
    ),
    "runtime": ("Profile", "device", "setup", "show"),
    "spde": ("AllenCahn",),
    "spectrum": ("Spectrum",),
    "targets": (
        "Circle",
        "DoubleWell",
        "GaussianMixture",
        "OrnsteinUhlenbeck",
        "QuadrupleWell",
        "Sphere",
        "Torus",
        "checkerboard",
        "eight_gaussians",
        "moons",
        "spirals",
    ),
    "teach": ("check", "progress"),
    "zoo": ("shipped",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'koopteach' has no attribute {name!r}")
    value = getattr(import_module(f"koopteach.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
