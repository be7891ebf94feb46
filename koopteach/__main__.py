"""The commands that were here are the course's."""

raise SystemExit("python -m koopteach moved: python -m koopcourse (doctor, progress), python -m experiments (results)")
