"""A sample of the planted mistakes: checks let only those pass that are none, for a written reason."""

import datetime
import os

import pytest

from tests.mutants.exercises import reasons, sample

# Another sample every week; KOOPTEACH_MUTANTS=NUMBER repeats one.
SEED = int(os.environ.get("KOOPTEACH_MUTANTS", datetime.date.today().toordinal() // 7))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="every mutant is tried in a process of its own")
def test_a_sample_of_the_mutants_of_solutions_is_rejected(monkeypatch):
    monkeypatch.delenv("KOOPTEACH_STRICT", raising=False)
    alive = {name for name, survives in sample(40, SEED) if survives}
    assert alive <= set(reasons()), f"the sample of seed {SEED}"
