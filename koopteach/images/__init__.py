"""Sets of small pictures."""

from koopteach.images.data import ImageSet, load_images

__all__ = ["ImageSet", "load_images"]
