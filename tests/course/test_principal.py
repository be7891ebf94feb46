"""Principal components: orthonormal, best, and there and back."""

import pytest
import torch

from koopcourse import PrincipalComponents, load_images


def pictures(n=40, h=3, w=4, seed=0):
    return torch.rand(n, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_with_all_directions_nothing_is_lost():
    images = pictures()
    components = PrincipalComponents.fit(images, 12)
    torch.testing.assert_close(components.decode(components.encode(images)), images, rtol=0, atol=1e-12)
    assert components.share(images) == pytest.approx(1.0, abs=1e-12)


def test_coordinates_are_centred_uncorrelated_falling_and_of_mean_square_one():
    images = pictures()
    z = PrincipalComponents.fit(images, 5).encode(images)
    covariance = z.T @ z / len(z)
    torch.testing.assert_close(z.mean(0), torch.zeros(5, dtype=z.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(covariance, covariance.diagonal().diag(), rtol=0, atol=1e-12)
    assert (covariance.diagonal().diff() < 0).all()
    assert float(z.square().mean()) == pytest.approx(1.0)


def test_no_other_directions_keep_more_variance():
    images = pictures()
    components = PrincipalComponents.fit(images, 3)
    away = (images - images.mean(0)).flatten(1)
    values = torch.linalg.svdvals(away).square()
    assert components.share(images) == pytest.approx(float(values[:3].sum() / values.sum()))
    rows = components.directions.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(3, dtype=rows.dtype), rtol=0, atol=1e-12)


def test_the_signs_are_fixed():
    images = pictures()
    directions = PrincipalComponents.fit(images, 4).directions.flatten(1)
    assert (directions.gather(1, directions.abs().argmax(dim=1, keepdim=True)) > 0).all()
    torch.testing.assert_close(PrincipalComponents.fit(images.flip(0), 4).directions.flatten(1), directions)


def test_what_coordinates_add_is_linear_and_pictures_are_cut():
    components, z = PrincipalComponents.fit(pictures(), 4), torch.randn(5, 4, dtype=torch.float64)
    torch.testing.assert_close(components.linear(3 * z), 3 * components.linear(z))
    whole = components.mean + components.linear(9 * z)
    torch.testing.assert_close(components.decode(9 * z), whole.clamp(0, 1))
    assert float(whole.min()) < 0


def test_dtypes_follow_the_input(tmp_path):
    digits = load_images("digits8").train
    components = PrincipalComponents.fit(digits, 8)
    assert components.encode(digits).dtype == torch.float32
    assert components.decode(components.encode(digits.double())).dtype == torch.float64


def test_they_are_saved_and_loaded(tmp_path):
    images = pictures()
    components = PrincipalComponents.fit(images, 4)
    components.save(tmp_path / "c.safetensors")
    again = PrincipalComponents.load(tmp_path / "c.safetensors")
    torch.testing.assert_close(again.encode(images), components.encode(images), rtol=0, atol=0)
    assert repr(again) == "PrincipalComponents(4 of 3 x 4)"


@pytest.mark.parametrize(
    ("images", "dim", "told"),
    [
        (pictures(), 13, "dim is 13, but 40 pictures of 12 pixels have at most 12 directions"),
        (pictures(n=5), 5, "dim is 5, but 5 pictures of 12 pixels have at most 4 directions"),
        (255 * pictures(), 3, "grey values from 0 to 1.* Divide bytes by 255"),
        (pictures()[0], 3, "must be|shape"),
    ],
)
def test_what_cannot_be_fitted_is_told(images, dim, told):
    with pytest.raises(ValueError, match=told):
        PrincipalComponents.fit(images, dim)


def test_pictures_of_another_size_are_told():
    components = PrincipalComponents.fit(pictures(), 4)
    with pytest.raises(ValueError, match=r"encode: images has shape \(2, 4, 3\), but \(n, 3, 4\) is needed"):
        components.encode(torch.zeros(2, 4, 3))
