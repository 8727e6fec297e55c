"""Mean and deviation beside a network, as files in the wild have them."""

from __future__ import annotations

import pytest
import torch

from shapebias.errors import WeightsError
from shapebias.networks.stated_normalisation import stated_normalisation, without_normalisation

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def stated(**names):
    """Return the entries of a layer: ``mean`` and ``std`` under these names."""
    values = {"mean": torch.tensor(MEAN), "std": torch.tensor(STD)}
    return {key: values[part] for part, key in names.items()}


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ("mean", "std"),
        ("mu", "sigma"),
        ("normalize.mean", "normalize.std"),
        ("normalizer.new_mean", "normalizer.new_std"),
        ("module.normalizer.new_mean", "module.normalizer.new_std"),
        ("attacker.normalize.new_mean", "attacker.normalize.new_std"),
        ("model.normalisation.mean", "model.normalisation.std"),
        ("module.0.mean", "module.0.std"),
        ("data_preprocessor.mean", "data_preprocessor.std"),
        ("pixel_mean", "pixel_std"),
        ("module.image_mean", "module.image_std"),
        ("_mean", "_std"),
        ("0.means", "0.sds"),
    ],
)
@pytest.mark.parametrize("shape", [(3,), (3, 1, 1), (1, 3, 1, 1)])
def test_names_of_the_layers_in_the_wild(mean, std, shape):
    entries = {key: value.view(shape) for key, value in stated(mean=mean, std=std).items()}
    weights = {**entries, "model.fc.bias": torch.zeros(3)}
    assert stated_normalisation(weights) == (pytest.approx(MEAN), pytest.approx(STD))
    assert set(without_normalisation(weights, ())) == {"model.fc.bias"}


def test_two_words_are_two_normalisations_and_running_statistics_are_none():
    mixed = stated(mean="image_mean", std="depth_std")
    assert stated_normalisation(mixed) is None
    assert stated_normalisation({"bn.running_mean": torch.zeros(3), "bn.running_std": torch.ones(3)}) is None


def test_one_value_is_that_of_every_channel():
    weights = {"normalize.mean": torch.tensor(0.5), "normalize.std": torch.tensor([0.25])}
    assert stated_normalisation(weights) == ((0.5,) * 3, (0.25,) * 3)


def test_copies_count_once_and_others_are_refused():
    weights = stated(mean="normalizer.mean", std="normalizer.std") | stated(
        mean="attacker.n.mean", std="attacker.n.std"
    )
    assert stated_normalisation(weights) == (pytest.approx(MEAN), pytest.approx(STD))
    weights["attacker.n.std"] = torch.ones(3)
    with pytest.raises(WeightsError, match=r"several normalisations, which differ.*give mean= and std="):
        stated_normalisation(weights)


def test_one_without_the_other_is_refused():
    with pytest.raises(WeightsError, match=r"'normalizer\.mean' and not the other"):
        stated_normalisation({"normalizer.mean": torch.zeros(3)})
    assert stated_normalisation({"prior.mean": torch.zeros(3)}) is None


def test_what_the_network_itself_has_is_not_meant():
    """A network with buffers of such names normalises its images itself."""
    weights = stated(mean="module.mean", std="module.std")
    assert stated_normalisation(weights, own={"mean", "std"}) is None
    assert without_normalisation(weights, own={"mean", "std"}) == weights


def test_pixels_from_0_to_255_are_divided(caplog):
    """(255 x - m) / s = (x - m / 255) / (s / 255)."""
    weights = {"mean": torch.tensor([123.675, 116.28, 103.53]), "std": torch.tensor([58.395, 57.12, 57.375])}
    found = stated_normalisation(weights)
    assert found == (pytest.approx((0.485, 0.456, 0.406)), pytest.approx((0.229, 0.224, 0.225)))
    assert "divided by 255" in caplog.text


def test_a_vector_of_another_length_is_no_mean():
    assert stated_normalisation({"mean": torch.zeros(4), "std": torch.ones(4)}) is None
