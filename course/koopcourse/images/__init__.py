"""Sets of small pictures, and small models that make them short and tell them apart."""

from koopteach.images.autoencoder import Autoencoder
from koopteach.images.classifier import Classifier
from koopteach.images.data import ImageSet, load_images
from koopteach.images.principal import PrincipalComponents

__all__ = ["Autoencoder", "Classifier", "ImageSet", "PrincipalComponents", "load_images"]
