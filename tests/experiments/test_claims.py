"""What the claims of the papers' third versions are measured by: identities of each measure."""

import math

import pytest
import torch

from experiments.image_flows import claim_rows, claims, signatures
from experiments.kswgd import dissipation


def test_coherence_is_one_for_one_change_and_the_share_of_the_mean_for_others():
    same = torch.randn(1, 5, generator=torch.Generator().manual_seed(0)).expand(7, 5)
    assert claims.coherence(same) == pytest.approx(1)
    assert claims.coherence(torch.eye(8)) == pytest.approx(1 / 8)  # unrelated: at right angles
    assert claims.coherence(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])) == 0
    assert claims.coherence(1e3 * torch.eye(8)) == pytest.approx(1 / 8)  # in no unit


def test_noise_moved_along_a_direction_has_that_coordinate_and_keeps_all_others():
    draw = torch.Generator().manual_seed(1)
    x0, basis = torch.randn(9, 4, generator=draw), torch.linalg.qr(torch.randn(4, 4, generator=draw)).Q
    moved = claims.at(x0, basis[0], -1.5) @ basis.T
    torch.testing.assert_close(moved[:, 0], torch.full((9,), -1.5))
    torch.testing.assert_close(moved[:, 1:], (x0 @ basis.T)[:, 1:])


def test_the_strongest_direction_is_the_one_that_a_linear_answer_stretches_most():
    draw = torch.Generator().manual_seed(2)
    x0, basis = torch.randn(300, 4, generator=draw), torch.linalg.qr(torch.randn(4, 4, generator=draw)).Q
    answer = x0 @ basis @ torch.diag(torch.tensor([0.5, 3.0, 1.0, 0.1])) + 7
    assert abs(float(claims.strongest(x0, answer) @ basis[:, 1])) == pytest.approx(1, abs=1e-4)


def test_the_floor_of_random_directions_is_their_mean_and_spread():
    found = claims.with_floor({"coherence": 0.5}, [{"coherence": value} for value in (0.1, 0.2, 0.3)])
    assert found["coherence floor"] == pytest.approx(0.2)
    assert found["coherence floor sd"] == pytest.approx(0.1)
    assert found["spreads above"] == pytest.approx(3)


def test_the_linear_probe_finds_an_affine_map():
    draw = torch.Generator().manual_seed(3)
    x, new, slope = (torch.randn(n, 3, generator=draw) for n in (50, 4, 3))
    torch.testing.assert_close(claims.probe(x, x @ slope + 2, new), new @ slope + 2, atol=1e-4, rtol=1e-4)


def test_the_nearest_mean_tells_far_classes_and_no_more_than_one_class_from_a_constant():
    draw = torch.Generator().manual_seed(4)
    labels = torch.arange(60) % 3
    x = 100.0 * labels[:, None] + torch.randn(60, 2, generator=draw)
    assert signatures.nearest_mean(x, labels, x, labels) == 1
    assert signatures.nearest_mean(torch.ones(60, 2), labels, torch.ones(60, 2), labels) == pytest.approx(1 / 3)
    units = torch.tensor([1.0, 1e6])  # each column counts in its own unit
    assert signatures.nearest_mean(x * units, labels, x * units, labels) == 1


def test_an_energy_that_decays_evenly_has_one_rate_in_every_window():
    energy = torch.exp(-2 * 0.05 * torch.arange(161, dtype=torch.float64))
    torch.testing.assert_close(dissipation.window_rates(energy, 0.05), torch.full((8,), 2.0, dtype=torch.float64))
    spent = dissipation.until_spent(energy)
    assert spent[-2] >= dissipation.SPENT * energy[0] > spent[-1]
    assert len(dissipation.until_spent(energy[:10])) == 10
    assert dissipation.window_rates(energy[:4], 0.05).shape == (3,)  # never more windows than steps


@pytest.mark.slow
def test_stretched_data_decay_as_the_step_says():
    """At the target the paper's metric multiplies the energy by ``(1 - h)^2`` a step."""
    found = dissipation.dissipation(1, "well-4", "KSWGD, paper", "stretched data")
    assert found["slowest"] == pytest.approx(-2 * math.log(1 - dissipation.STEP) / dissipation.STEP, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("student", ["moons-student", "digits-student"])
def test_the_teachers_solver_finds_its_own_noise_and_nothing_else_does_as_well(student):
    found = claims.inversion(1, student)
    assert found["off by solver"] < 0.01 < found["noise off"]
    assert found.get("kept by solver", 1.0) > 0.95


def test_the_outcome_of_a_claim_counts_its_lines():
    rows = list(claim_rows.claim_rows())
    lines = {f"{row.id}: {band}" for row in rows for band in row.bands}
    assert set(claim_rows.MISSED) <= lines
    assert all(any(row.id.startswith(prefix) for row in rows) for *_, prefix in claim_rows.CLAIMS)
    assert claim_rows.outcome("inverse-moons") == "held"
    assert claim_rows.outcome("gains-") == "not held"
    assert claim_rows.outcome("inverse-digits-student-2") == "3 of 4 lines held"
