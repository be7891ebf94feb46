"""How many features a fit can hold: said before anything is enumerated or allocated."""

# Of the Gram matrix of the features in float64, of which a fit holds six at least (two sums, and an
# eigenproblem's; where nearly all directions are kept up to 14 were measured).
MOST_BYTES = 2**32


def refuse_too_many(who: str, n_features: int) -> None:
    """Refuse features whose Gram matrix is above :data:`MOST_BYTES`.

    Raises:
        ValueError: with their number.
    """
    needed = 8 * n_features**2
    if needed > MOST_BYTES:
        raise ValueError(
            f"{who}: {n_features:,} features have a Gram matrix of {needed / 2**30:,.1f} GiB, but at most "
            f"{MOST_BYTES / 2**30:g} GiB are taken ({int((MOST_BYTES / 8) ** 0.5):,} features). Take a lower degree, "
            "fewer columns or fewer centres."
        )
