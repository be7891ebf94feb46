"""Pictures as data: small models that make them short and tell them apart."""

from koopteach.images.autoencoder import Autoencoder
from koopteach.images.classifier import Classifier

__all__ = ["Autoencoder", "Classifier"]
