"""Sets of small pictures, and small models that make them short and tell them apart."""

from koopcourse.images.autoencoder import Autoencoder
from koopcourse.images.classifier import Classifier
from koopcourse.images.data import ImageSet, load_images
from koopcourse.images.principal import PrincipalComponents

__all__ = ["Autoencoder", "Classifier", "ImageSet", "PrincipalComponents", "load_images"]
