"""Every public name of the package and its home; :mod:`koopteach.lazy` and type checkers read this list."""

from koopteach.dictionaries import (
    Fourier as Fourier,
)
from koopteach.dictionaries import (
    GaussianRBF as GaussianRBF,
)
from koopteach.dictionaries import (
    Hermite as Hermite,
)
from koopteach.dictionaries import (
    Monomials as Monomials,
)
from koopteach.dictionaries import (
    MultiScale as MultiScale,
)
from koopteach.dictionaries import (
    NeuralDictionary as NeuralDictionary,
)
from koopteach.dictionaries import (
    RandomFourierFeatures as RandomFourierFeatures,
)
from koopteach.flow_matching import (
    DirectMap as DirectMap,
)
from koopteach.flow_matching import (
    Flow as Flow,
)
from koopteach.flow_matching import (
    FlowMatching as FlowMatching,
)
from koopteach.flow_matching import (
    FourierNet as FourierNet,
)
from koopteach.flow_matching import (
    GaussianFlow as GaussianFlow,
)
from koopteach.flow_matching import (
    MixtureFlow as MixtureFlow,
)
from koopteach.flow_matching import (
    Straightness as Straightness,
)
from koopteach.flow_matching import (
    Training as Training,
)
from koopteach.flow_matching import (
    distill as distill,
)
from koopteach.flow_matching import (
    integrate as integrate,
)
from koopteach.flow_matching import (
    linear_path as linear_path,
)
from koopteach.flow_matching import (
    local_permutation as local_permutation,
)
from koopteach.flow_matching import (
    ot_permutation as ot_permutation,
)
from koopteach.flow_matching import (
    reflow as reflow,
)
from koopteach.flow_matching import (
    straightness as straightness,
)
from koopteach.flow_matching import (
    train as train,
)
from koopteach.interpolants import (
    Chart as Chart,
)
from koopteach.interpolants import (
    CodedChart as CodedChart,
)
from koopteach.interpolants import (
    ConditionalAffine as ConditionalAffine,
)
from koopteach.interpolants import (
    ConditionalCoupling as ConditionalCoupling,
)
from koopteach.interpolants import (
    ConvexChart as ConvexChart,
)
from koopteach.interpolants import (
    ConvexMap as ConvexMap,
)
from koopteach.interpolants import (
    CouplingChart as CouplingChart,
)
from koopteach.interpolants import (
    CurvedInterpolant as CurvedInterpolant,
)
from koopteach.interpolants import (
    DecodedChart as DecodedChart,
)
from koopteach.interpolants import (
    Descent as Descent,
)
from koopteach.interpolants import (
    Field as Field,
)
from koopteach.interpolants import (
    GaussianStraight as GaussianStraight,
)
from koopteach.interpolants import (
    Geodesic as Geodesic,
)
from koopteach.interpolants import (
    GlowInterpolant as GlowInterpolant,
)
from koopteach.interpolants import (
    GlowStep as GlowStep,
)
from koopteach.interpolants import (
    Interpolant as Interpolant,
)
from koopteach.interpolants import (
    LearnedSchedule as LearnedSchedule,
)
from koopteach.interpolants import (
    LinearInterpolant as LinearInterpolant,
)
from koopteach.interpolants import (
    MatrixInterpolant as MatrixInterpolant,
)
from koopteach.interpolants import (
    PushedChart as PushedChart,
)
from koopteach.interpolants import (
    Schedule as Schedule,
)
from koopteach.interpolants import (
    TabulatedSchedule as TabulatedSchedule,
)
from koopteach.interpolants import (
    TrigonometricInterpolant as TrigonometricInterpolant,
)
from koopteach.interpolants import (
    acceleration as acceleration,
)
from koopteach.interpolants import (
    check_interpolant as check_interpolant,
)
from koopteach.interpolants import (
    fit_convex_map as fit_convex_map,
)
from koopteach.interpolants import (
    geodesic_schedule as geodesic_schedule,
)
from koopteach.interpolants import (
    optimal_field as optimal_field,
)
from koopteach.interpolants import (
    straighten as straighten,
)
from koopteach.koopman_flow import (
    Diagnosis as Diagnosis,
)
from koopteach.koopman_flow import (
    FreeGenerator as FreeGenerator,
)
from koopteach.koopman_flow import (
    KoopmanFlow as KoopmanFlow,
)
from koopteach.koopman_flow import (
    Modes as Modes,
)
from koopteach.koopman_flow import (
    TeacherPaths as TeacherPaths,
)
from koopteach.koopman_flow import (
    fit_time_functions as fit_time_functions,
)
from koopteach.koopman_flow import (
    teacher_paths as teacher_paths,
)
from koopteach.koopman_flow import (
    time_functions as time_functions,
)
from koopteach.langevin import (
    kde_score as kde_score,
)
from koopteach.langevin import (
    kde_snapshot_pairs as kde_snapshot_pairs,
)
from koopteach.langevin import (
    langevin_trajectory as langevin_trajectory,
)
from koopteach.langevin import (
    snapshot_pairs as snapshot_pairs,
)
from koopteach.metrics import (
    class_balance as class_balance,
)
from koopteach.metrics import (
    coverage as coverage,
)
from koopteach.metrics import (
    frechet_distance as frechet_distance,
)
from koopteach.metrics import (
    kl_histogram as kl_histogram,
)
from koopteach.metrics import (
    mmd as mmd,
)
from koopteach.metrics import (
    mode_weights as mode_weights,
)
from koopteach.metrics import (
    neighbour_ratio as neighbour_ratio,
)
from koopteach.metrics import (
    noise_floor as noise_floor,
)
from koopteach.metrics import (
    precision as precision,
)
from koopteach.metrics import (
    precision_recall as precision_recall,
)
from koopteach.metrics import (
    sliced_wasserstein2 as sliced_wasserstein2,
)
from koopteach.metrics import (
    total_variation as total_variation,
)
from koopteach.metrics import (
    wasserstein2 as wasserstein2,
)
from koopteach.operators import (
    EDMD as EDMD,
)
from koopteach.operators import (
    DiffusionMaps as DiffusionMaps,
)
from koopteach.operators import (
    GeneratorEDMD as GeneratorEDMD,
)
from koopteach.operators import (
    KernelEDMD as KernelEDMD,
)
from koopteach.operators import (
    Selection as Selection,
)
from koopteach.operators import (
    select as select,
)
from koopteach.operators import (
    spectral_score as spectral_score,
)
from koopteach.particles import (
    DMPS as DMPS,
)
from koopteach.particles import (
    KSWGD as KSWGD,
)
from koopteach.particles import (
    LAWGD as LAWGD,
)
from koopteach.particles import (
    MALA as MALA,
)
from koopteach.particles import (
    SVGD as SVGD,
)
from koopteach.particles import (
    ULA as ULA,
)
from koopteach.particles import (
    Conditioned as Conditioned,
)
from koopteach.particles import (
    Ladder as Ladder,
)
from koopteach.particles import (
    Run as Run,
)
from koopteach.particles import (
    condition as condition,
)
from koopteach.particles import (
    denoise as denoise,
)
from koopteach.particles import (
    effective_sample_size as effective_sample_size,
)
from koopteach.particles import (
    run_particles as run_particles,
)
from koopteach.particles import (
    systematic_resample as systematic_resample,
)
from koopteach.spectrum import (
    Spectrum as Spectrum,
)
from koopteach.targets import (
    AllenCahn as AllenCahn,
)
from koopteach.targets import (
    Circle as Circle,
)
from koopteach.targets import (
    DoubleWell as DoubleWell,
)
from koopteach.targets import (
    GaussianMixture as GaussianMixture,
)
from koopteach.targets import (
    OrnsteinUhlenbeck as OrnsteinUhlenbeck,
)
from koopteach.targets import (
    QuadrupleWell as QuadrupleWell,
)
from koopteach.targets import (
    Sphere as Sphere,
)
from koopteach.targets import (
    Torus as Torus,
)
from koopteach.targets import (
    checkerboard as checkerboard,
)
from koopteach.targets import (
    eight_gaussians as eight_gaussians,
)
from koopteach.targets import (
    moons as moons,
)
from koopteach.targets import (
    spirals as spirals,
)

__version__: str
