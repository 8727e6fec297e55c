"""Per-channel parameters: one number or three."""

from __future__ import annotations

import pytest

from shapebias.errors import SpellingError
from shapebias.models.per_channel import per_channel


def test_one_number_stands_for_three():
    assert per_channel(0.5) == per_channel([0.5]) == (0.5, 0.5, 0.5)
    assert per_channel([0.1, 0.2, 0.3]) == (0.1, 0.2, 0.3)
    assert per_channel(()) == ()


@pytest.mark.parametrize("count", [2, 4])
def test_other_counts_are_refused(count):
    with pytest.raises(SpellingError, match=f"one number or three .* got {count}"):
        per_channel([0.5] * count)
