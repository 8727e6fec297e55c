"""REFINED-BIAS in the published layout, and folders that are not it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from shapebias.datasets.refined_bias import RefinedBias
from shapebias.errors import DataError


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), 100, dtype=np.uint8)).save(path)


def test_the_folder_is_the_class_of_the_cue_alone(tmp_path):
    picture(tmp_path / "refined_bias_shape" / "clock" / "clock_106.png")
    picture(tmp_path / "refined_bias_texture" / "zebra" / "4x4_zebra_0.png")
    shape, texture = RefinedBias("shape", tmp_path), RefinedBias("texture", tmp_path)
    (clock,), (zebra,) = ([one[0]] for one in (shape, texture))
    assert (shape.classes[clock.shape], clock.texture) == ("clock", None)
    assert (texture.classes[zebra.texture], zebra.shape) == ("zebra", None)
    assert clock.id == "clock/clock_106.png"
    assert len(shape) == len(texture) == 1


def test_a_class_of_the_other_cue_is_refused(tmp_path):
    picture(tmp_path / "refined_bias_shape" / "zebra" / "zebra_0.png")
    with pytest.raises(DataError, match="not REFINED-BIAS classes: zebra; the classes of shape are balloon, book"):
        len(RefinedBias("shape", tmp_path))
