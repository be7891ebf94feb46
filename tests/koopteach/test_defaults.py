"""What a call means that leaves things out: the defaults of every public name, in one table.

A default is a promise: a lesson's picture, a table of ``results/`` and a user's numbers hang on it. Whoever changes one
on purpose changes its line here; ``python -m tests.koopteach.test_defaults`` prints the lines of the code as it is.
"""

import inspect
import textwrap

import koopteach

TABLE = """
AllenCahn: n_points=64, kappa=0.01, temperature=0.04, growth=1.0, cubic=1.0, length=1.0
AllenCahn.trajectory: dt=0.02, every=1
Circle: radius=1.0
ConvexChart: to_noise=None, inner=None
CurvedInterpolant: coupling='independent', net=None
CurvedInterpolant.diagnose: descent=None
DMPS: bandwidth=None, alpha=0.5, n_modes=None, step_size=1.0, max_move=0.25, noise=0.3
DecodedFlow: to_noise=None, coupling='local', net=None
DecodedFlow.fit: x0=None
DecodedFlow.log_prob: source=None
DiffusionMaps: bandwidth=None, alpha=0.5
DiffusionMaps.spectrum: n_modes=None
DoubleWell: beta=1.0
EDMD: tol=1e-10, ridge=None, reversible=True, manifold=None
EDMD.predict: k=1, observable=None
EDMD.score: n_modes=None
EDMD.spectrum: n_modes=None
FittedMixture.fit: weights=None, most=8
FittedMixture.refit: weights=None
Flow.invert: solver='midpoint', steps=8, tolerance=0.0001, t=1.0
Flow.log_prob: source=None, probes=None, solver='rk4', steps=32, tolerance=0.0001
Flow.sample: solver='midpoint', steps=8, tolerance=0.0001
Flow.trajectory: solver='rk4', steps=32, tolerance=0.0001
Flow.transport: solver='midpoint', steps=8, tolerance=0.0001, t=1.0, differentiable=False
FlowMatching: coupling='independent', net=None
FlowMatching.fit: x0=None, labels=None, n_steps=3000, batch=None, lr=0.002, standardize=True, verbose=True
FlowMatching.loss: x0=None, labels=None
FlowMatching.prepare: x0=None, labels=None, standardize=True, verbose=True
FlowMatching.sample: solver='midpoint', steps=8, tolerance=0.0001, labels=None
FlowMatching.velocity: labels=None
FourierNet: out_dim=None, width=128, depth=3, n_frequencies=32, frequency_scale=2.0, time_frequencies=2,
    last_scale=1.0, n_labels=0
FourierNet.forward: labels=None
GaussianMixture: weights=None
GaussianMixture.ring: weights=None
GaussianRBF: units=1.0
GaussianRBF.contract_grad: values=None
GaussianRBF.from_data: units=None
GeneratorEDMD: tol=1e-08, manifold=None, standardize=False
GeneratorEDMD.fit: weights=None
GeneratorEDMD.partial_fit: weights=None
GeneratorEDMD.spectrum: n_modes=None
GlowInterpolant: channels=1, n_steps=4, width=32
Hermite: center=0.0, scale=1.0, mixed=True
KSWGD: damping=1.0, step_size=1.0, max_move=0.25, noise=0.3, ranks=None
KernelEDMD: ridge=None, n_centers=None, centers=None, reversible=True, manifold=None
KernelEDMD.spectrum: n_modes=None
KoopmanFlow: generator='mode_sum', n_pairs=2, net=None
KoopmanFlow.diagnose: verbose=True
KoopmanFlow.edit: t=1.0
KoopmanFlow.fit: method='coefficients', spectrum=None, weights=None, learn_spectrum=True, later_starts=None,
    n_paths=12000, x0=None, n_steps=2500, batch=256, lr=None, verbose=True
KoopmanFlow.load: teacher=None
KoopmanSampler: scores='heavy', components=8, dictionary=None, units=None, n_steps=30, damping=1.0, noise=0.0,
    calibrate=True, pool=800, hold_out=0.2
KoopmanSampler.condition: n=800, prior=4000
KoopmanSampler.draw: moved=True
KoopmanSampler.fit: weights=None
KoopmanSampler.get_params: deep=True
KoopmanSampler.transport: by_cluster=None
LAWGD: step_size=1.0, max_move=0.25, noise=0.3
Ladder.from_data: levels=(0.66, 0.33, 0.16, 0.08, 0.0), fit=None
LearnedSchedule: degree=6
Monomials: center=0.0, scale=1.0, mixed=True
MultiScale.contract_grad: values=None
MultiScale.from_data: n_centers=(250, 60, 20), tail=None, units=None
NeuralDictionary.from_pairs: n_features=8, hidden=40, n_steps=800, batch=500
OrnsteinUhlenbeck: theta=1.0, rotation=0.0
PushedFlow: to_noise=None, coupling='local', net=None
PushedFlow.fit: x0=None
PushedFlow.log_prob: source=None
QuadrupleWell: beta=1.0, stiffness=1.0
Ranks: timeout=60.0, same_noise=True
SVGD: bandwidth=None, adaptive=False
Spectrum: report='', manifold=None, units=None, spread_ratio=1.0
Spectrum.contract_grad: features=None
Spectrum.dirichlet: features=None
Spectrum.from_functions: grad=None, scale=1.0, manifold=None
Spectrum.mean: features=None
Sphere: radius=1.0
Standardizer.of: weights=None
Torus: R=2.0, r=0.8
VelocityFlow: x0=None
acceleration: method='jvp', h=0.04, log_prob=None
condition: n_particles=None, n_steps=100, least=None, temper=True, fit=None
delay_embedding: step=1, times=None, tolerance=None
distill: n_pairs=12000, x0=None, n_steps=2500, batch=256, lr=0.02, verbose=True
fit_convex_map: x0=None, n_centres=96, strength=3.0, slope=0.2, pair_steps=500, likelihood_steps=300, verbose=True
geodesic_schedule: x0=None, log_prob=None, pool=2000, queries=1000, n_times=65
herd: weights=None
integrate: times=(0.0, 1.0), solver='midpoint', steps=8, tolerance=0.0001
kde_score: bandwidth=None
kde_snapshot_pairs: bandwidth=None, manifold=None
kl_histogram: bins=24
lagged_pairs: times=None, tolerance=None
langevin_trajectory: every=1
noise_floor: reference=None, repeats=20
optimal_field: log_prob=None
precision_recall: k=5
reflow: n_pairs=12000, solver='midpoint', steps=20, net=None
run_particles: n_steps=60, record_every=None, keep_path=True, verbose=True
scan_lags: n_modes=3, times=None, tolerance=None, n_resamples=50, block=None
select: y=None, folds=5
sliced_wasserstein2: n_projections=200, n_quantiles=512
snapshot_pairs: dt=None
straighten: x0=None, log_prob=None, n_steps=300, batch=128, pool=512, lr=0.01, lam_acc=1.0, lam_ke=0.1, t_max=0.95,
    h=0.04, verbose=True
straightness: n_times=65
teacher_paths: n_times=21, velocities=True, solver='midpoint', steps=20
wasserstein2: x_weights=None, y_weights=None
"""

UNSAID = {"generator": None}  # a stream of random numbers may be left out everywhere


def defaults(function):
    """``a=1, b=None`` for the parameters that may be left out."""
    given = inspect.signature(function).parameters.items()
    return ", ".join(
        f"{name}={getattr(p.default, '__name__', repr(p.default))}"
        for name, p in given
        if p.default is not p.empty and UNSAID.get(name, p.empty) is not p.default
    )


def callables():
    """``(name, function)``: public functions, constructors, and public methods where they are written."""
    for name in sorted(set(koopteach.__all__) - {"__version__"}):
        thing = getattr(koopteach, name)
        if callable(thing):  # not the checkerboard, which is an object
            yield name, thing
        if inspect.isclass(thing):
            yield from ((f"{name}.{method}", getattr(thing, method)) for method in own_methods(thing))


def own_methods(cls):
    """Names of the public methods of a class, without those that another public class bequeathed."""
    for method, function in inspect.getmembers(cls, inspect.isroutine):
        owner = next(c for c in cls.__mro__ if method in vars(c))
        is_ours = not method.startswith("_") and (function.__module__ or "").startswith("koopteach")
        if is_ours and (owner is cls or owner.__name__ not in koopteach.__all__):
            yield method


def table():
    found = ((name, defaults(function)) for name, function in callables())
    return "\n".join(textwrap.fill(f"{name}: {said}", 118, subsequent_indent="    ") for name, said in found if said)


def test_defaults_are_what_the_table_says():
    assert table() == TABLE.strip()


if __name__ == "__main__":
    print(table())
