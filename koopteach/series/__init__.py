"""Time series: pairs at a lag and delay coordinates, from trajectories with borders, gaps and times."""

from koopteach.series.pairs import LaggedPairs, delay_embedding, lagged_pairs

__all__ = ["LaggedPairs", "delay_embedding", "lagged_pairs"]
