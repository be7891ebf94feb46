"""What a notebook imports from the course, and its home; :func:`koopteach.lazy.attach` and type checkers read this."""

from koopcourse import checks as checks
from koopcourse import plotting as plotting
from koopcourse.checks import check as check
from koopcourse.checks import preview as preview
from koopcourse.checks import progress as progress
from koopcourse.images import Autoencoder as Autoencoder
from koopcourse.images import Classifier as Classifier
from koopcourse.images import ImageSet as ImageSet
from koopcourse.images import PrincipalComponents as PrincipalComponents
from koopcourse.images import load_images as load_images
from koopcourse.runtime import Profile as Profile
from koopcourse.runtime import device as device
from koopcourse.runtime import setup as setup
from koopcourse.runtime import show as show
from koopcourse.zoo import LAWS as LAWS
from koopcourse.zoo import quoted as quoted
from koopcourse.zoo import shipped as shipped

__version__: str
