"""What a caller gets who does not say: the defaults of targets, samplers and metrics, in one table.

Lessons and results rest on them; who changes one changes this table, and says so in the CHANGELOG.
"""

import inspect

import pytest

import koopteach as kt

DEFAULTS = {
    kt.AllenCahn: {"n_points": 64, "kappa": 0.01, "temperature": 0.04, "growth": 1.0, "cubic": 1.0, "length": 1.0},
    kt.AllenCahn.trajectory: {"dt": 0.02, "every": 1},
    kt.Circle: {"radius": 1.0},
    kt.DMPS: {"alpha": 0.5, "n_modes": None, "step_size": 1.0, "max_move": 0.25, "noise": 0.3},
    kt.DoubleWell: {"beta": 1.0},
    kt.GaussianMixture: {"weights": None},
    kt.KSWGD: {"damping": 1.0, "step_size": 1.0, "max_move": 0.25, "noise": 0.3},
    kt.LAWGD: {"step_size": 1.0, "max_move": 0.25, "noise": 0.3},
    kt.Ladder.from_data: {"levels": (0.66, 0.33, 0.16, 0.08, 0.0), "fit": None},
    kt.OrnsteinUhlenbeck: {"theta": 1.0, "rotation": 0.0},
    kt.QuadrupleWell: {"beta": 1.0, "stiffness": 1.0},
    kt.SVGD: {"bandwidth": None, "adaptive": False},
    kt.Sphere: {"radius": 1.0},
    kt.Torus: {"R": 2.0, "r": 0.8},
    kt.condition: {"n_particles": 800, "n_steps": 100, "least": 500.0, "temper": True, "fit": None},
    kt.coverage: {"k": 5},
    kt.kde_score: {"bandwidth": None},
    kt.kde_snapshot_pairs: {"bandwidth": None, "manifold": None},
    kt.kl_histogram: {"bins": 24},
    kt.langevin_trajectory: {"every": 1},
    kt.noise_floor: {"reference": None, "repeats": 20},
    kt.precision: {"k": 5},
    kt.precision_recall: {"k": 5},
    kt.run_particles: {"n_steps": 60, "record_every": None, "verbose": True},
    kt.sliced_wasserstein2: {"n_projections": 200, "n_quantiles": 512},
    kt.snapshot_pairs: {"dt": None},
}
NONE = (kt.MALA, kt.ULA, kt.class_balance, kt.denoise, kt.effective_sample_size, kt.frechet_distance, kt.mode_weights)
NONE += (kt.neighbour_ratio, kt.systematic_resample, kt.total_variation, kt.wasserstein2)


@pytest.mark.parametrize("thing", [*DEFAULTS, *NONE], ids=lambda thing: thing.__qualname__)
def test_defaults_are_those_of_the_table(thing):
    """A generator of random numbers is never made for the caller: without one torch's own stream is used."""
    found = {
        name: parameter.default
        for name, parameter in inspect.signature(thing).parameters.items()
        if parameter.default is not parameter.empty
    }
    assert found.pop("generator", None) is None
    assert found == DEFAULTS.get(thing, {})
