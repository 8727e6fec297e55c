"""Per-channel parameters: one number or three."""

from __future__ import annotations

import pytest

from shapebias.errors import SpellingError
from shapebias.models.channels import channels


def test_one_number_stands_for_three():
    assert channels(0.5) == channels([0.5]) == (0.5, 0.5, 0.5)
    assert channels([0.1, 0.2, 0.3]) == (0.1, 0.2, 0.3)
    assert channels(()) == ()


@pytest.mark.parametrize("count", [2, 4])
def test_other_counts_are_refused(count):
    with pytest.raises(SpellingError, match=f"one number or three .* got {count}"):
        channels([0.5] * count)
