"""Random numbers of an image: a second implementation in plain integers, invariances, and statistical tests.

The statistical tests draw from fixed seeds, so they are deterministic.  They fail below p = 1e-4.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import pickle
import random
import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shapebias import rng as rng_module
from shapebias.rng import ImageRandom, seeded_generators

P_VALUE = 1e-4

# --- A second implementation: unbounded Python integers, one number at a time --------------------------------


def digest(*parts):
    return int.from_bytes(hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest(), "little")


def splitmix64(state):
    """Output for one state, as published (Steele, Lea & Flood 2014, constants of Stafford's mix 13)."""
    z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) % 2**64
    return z ^ z >> 31


def hash32(x, xored, added):
    x ^= xored
    x = ((x ^ x >> 16) * 0x21F0AAAD + added) % 2**32
    x = ((x ^ x >> 15) * 0x735A2D97) % 2**32
    return x ^ x >> 15


def reference(count, key, kind, stream, index, *, epoch=None):
    """The first words of one row, as unsigned integers; ``key`` is (seed, plugin, place, id)."""
    state = digest(*key)
    if epoch is not None:
        state = splitmix64(state ^ digest("epoch", epoch))
    state = splitmix64(state ^ digest(kind, stream))
    row = splitmix64((state + (index + 1) * 0x9E3779B97F4A7C15) % 2**64)
    return [hash32(hash32(position, 0, 0), row % 2**32, row >> 32) for position in range(count)]


def reference_pairs(count, *args):
    """Two words each, the first one the low half of 64 bits."""
    words = reference(2 * count, *args)
    return [low + (high << 32) for low, high in zip(words[::2], words[1::2], strict=True)]


def test_the_reference_mixes_as_published():
    """First outputs of SplitMix64 for the seed 1234567, from its published test vector."""
    outputs = [splitmix64((1234567 + i * 0x9E3779B97F4A7C15) % 2**64) for i in (1, 2, 3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@settings(max_examples=30, deadline=None)
@given(
    key=st.tuples(st.integers(-(2**63), 2**63), st.text(max_size=8), st.integers(0, 9), st.text(max_size=8)),
    stream=st.text(max_size=8),
    index=st.integers(0, 2**40),
    epoch=st.none() | st.integers(0, 1000),
    shape=st.lists(st.integers(1, 4), max_size=3),
)
def test_bits_equal_the_reference(key, stream, index, epoch, shape):
    rng = ImageRandom.for_images(*key[:3], [key[3]])
    rng = rng if epoch is None else rng.epoch(epoch)
    words = rng.bits(stream, index, shape)
    assert words.dtype == torch.int32
    assert words.shape == (1, *shape)
    expected = reference(math.prod(shape), key, "bits", stream, index, epoch=epoch)
    assert [word % 2**32 for word in words.flatten().tolist()] == expected


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8])
def test_values_equal_the_reference(count):
    """Every kind turns the words of the reference into values by its textbook formula."""
    key, high = (5, "probe", 2, "a/b.png"), 1_000_000_007
    rng = ImageRandom.for_images(*key[:3], [key[3]])

    words = reference(-(-count // 2), key, "normal", "s", 3)
    halves = [half for word in words for half in (word % 2**16, word >> 16)]
    quantiles = [statistics.NormalDist().inv_cdf((2 * half + 1) / 2**17) for half in halves[:count]]
    normal = rng.normal("s", 3, (count,))
    assert normal.dtype == torch.float32
    # The quantiles are scaled by 1 + 1e-5 to variance 1.
    assert normal[0].tolist() == pytest.approx(quantiles, rel=1.1e-5)

    uniform = rng.uniform("s", 3, (count,))
    assert uniform.dtype == torch.float32
    assert uniform[0].tolist() == [(word >> 8) / 2**24 for word in reference(count, key, "uniform", "s", 3)]

    integers = rng.integers("s", 3, (count,), high)
    assert integers.dtype == torch.int64
    numbers = reference_pairs(count, key, "integers", "s", 3)
    assert integers[0].tolist() == [number * high >> 64 for number in numbers]

    numbers = reference_pairs(count, key, "permutation", "s", 3)
    signed = [number - 2**64 if number >= 2**63 else number for number in numbers]
    assert rng.permutation("s", 3, count)[0].tolist() == sorted(range(count), key=signed.__getitem__)


# --- Invariances -----------------------------------------------------------------------------------------------

DRAWS = {
    "bits": lambda rng, stream, index, n: rng.bits(stream, index, (n,)),
    "uniform": lambda rng, stream, index, n: rng.uniform(stream, index, (n,)),
    "normal": lambda rng, stream, index, n: rng.normal(stream, index, (n,)),
    "integers": lambda rng, stream, index, n: rng.integers(stream, index, (n,), 10**9),
    "permutation": lambda rng, stream, index, n: rng.permutation(stream, index, n),
}
kinds = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


def batch(size=6, seed=1, plugin="noise", position=0, prefix="image"):
    return ImageRandom.for_images(seed, plugin, position, [f"{prefix}-{i}" for i in range(size)])


@kinds
@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(st.integers(0, 5), max_size=8),
    indices=st.lists(st.integers(0, 2**40), max_size=5),
    n=st.integers(0, 40),
)
def test_a_row_does_not_know_its_batch(draw, rows, indices, n):
    """Any subset in any order, and any set of indices, gives the numbers of each image and index drawn alone."""
    drawn = draw(batch()[rows], "s", indices, n)
    assert drawn.shape == (len(rows), len(indices), n)
    for (i, row), (j, index) in itertools.product(enumerate(rows), enumerate(indices)):
        assert torch.equal(drawn[i, j], draw(batch()[[row]], "s", index, n)[0])


@kinds
@pytest.mark.parametrize("size", [2, 6, 64, 1024])
def test_the_block_size_changes_nothing(draw, size, monkeypatch):
    expected = draw(batch(5), "s", range(3), 37)
    monkeypatch.setattr(rng_module, "_CPU_BLOCK", size)
    assert torch.equal(draw(batch(5), "s", range(3), 37), expected)


@pytest.mark.parametrize("name", ["bits", "uniform", "normal", "integers"])
def test_positions_are_row_major_and_a_shorter_draw_is_a_prefix(name):
    draw = DRAWS[name]
    longer = draw(batch(), "s", 0, 31)
    assert torch.equal(draw(batch(), "s", 0, 24), longer[:, :24])
    extra = (10**9,) if name == "integers" else ()
    assert torch.equal(getattr(batch(), name)("s", 0, (2, 3, 4), *extra).flatten(1), longer[:, :24])
    assert torch.equal(getattr(batch(), name)("s", 0, (), *extra), longer[:, 0])


@kinds
def test_every_coordinate_matters(draw):
    rng = batch()
    variants = [
        draw(rng, "s", 0, 64),
        draw(rng, "s", 1, 64),
        draw(rng, "t", 0, 64),
        draw(rng.epoch(0), "s", 0, 64),
        draw(rng.epoch(1), "s", 0, 64),
        draw(batch(seed=2), "s", 0, 64),
        draw(batch(position=1), "s", 0, 64),
        draw(batch(plugin="other"), "s", 0, 64),
        draw(batch(prefix="other"), "s", 0, 64),
    ]
    rows = torch.cat(variants)
    assert len(rows.unique(dim=0)) == len(rows)


def test_names_do_not_run_into_each_other():
    first, second = (ImageRandom.for_images(1, name, 2, [image]) for name, image in (("ab", "c"), ("a", "bc")))
    assert not torch.equal(first.bits("s", 0, (4,)), second.bits("s", 0, (4,)))


@pytest.mark.parametrize(
    "rows",
    [
        slice(1, 4),
        [1, 2, 3],
        range(1, 4),
        torch.tensor([1, 2, 3]),
        torch.tensor([False, True, True, True, False, False]),
        np.array([1, 2, 3]),
    ],
    ids=["slice", "list", "range", "tensor", "mask", "array"],
)
def test_rows_are_chosen_as_in_a_tensor(rows):
    rng = batch()
    chosen = rng[rows]
    assert len(chosen) == 3
    assert torch.equal(chosen.bits("s", 0, (5,)), rng.bits("s", 0, (5,))[1:4])


def test_one_row_is_still_a_batch():
    assert torch.equal(batch()[2].bits("s", 0, (5,)), batch().bits("s", 0, (5,))[2:3])


def test_an_empty_batch_and_no_indices_give_empty_draws():
    assert batch(0).normal("s", range(2), (3, 4)).shape == (0, 2, 3, 4)
    assert batch(2).normal("s", [], (3, 4)).shape == (2, 0, 3, 4)
    assert batch(2).permutation("s", 0, 0).shape == (2, 0)


@kinds
def test_the_state_of_torch_neither_changes_nor_matters(draw):
    expected = draw(batch(), "s", range(2), 9)
    before = torch.get_rng_state()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.device("meta"):
            again = draw(batch(), "s", range(2), 9)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
    assert again.dtype == expected.dtype
    assert torch.equal(again.clone(), expected)


def test_survives_the_way_to_a_worker():
    rng = pickle.loads(pickle.dumps(batch().epoch(3)))  # noqa: S301
    assert torch.equal(rng.bits("s", 0, (5,)), batch().epoch(3).bits("s", 0, (5,)))


@pytest.mark.parametrize("high", [0, -1, 2**31 + 1])
def test_a_bound_that_cannot_be_drawn_is_refused(high):
    with pytest.raises(ValueError, match=f"high={high}"):
        batch().integers("s", 0, (), high)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@kinds
@pytest.mark.parametrize("n", [1, 150_528, 300_001])
def test_another_device_draws_the_same(draw, n):
    rng = batch().epoch(2)
    there = rng.to("cuda")
    assert there.device.type == "cuda"
    drawn = draw(there, "s", range(3), n)
    assert drawn.device.type == "cuda"
    assert torch.equal(drawn.cpu(), draw(rng, "s", range(3), n))


# --- Statistics --------------------------------------------------------------------------------------------------


def as_bits(words):
    """The 32 bits of each word, (words, 32) of 0 and 1."""
    return (words.flatten()[:, None] >> torch.arange(32)) & 1


def chi_square(counts, expected):
    counts = np.asarray(counts, dtype=float)
    return stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), counts.size - 1)


def coin_p_value(heads, throws):
    """Whether many independent coins, each thrown ``throws`` times, are all fair."""
    scores = (np.asarray(heads, dtype=float) - throws / 2) / math.sqrt(throws / 4)
    return stats.chi2.sf((scores**2).sum(), scores.size)


@pytest.mark.parametrize("byte", range(4))
def test_bytes_are_uniform(byte):
    words = batch(8).bits("s", range(8), (2**14,))
    counts = torch.bincount((words.flatten() >> 8 * byte) & 0xFF, minlength=256)
    assert chi_square(counts, words.numel() / 256) > P_VALUE


def test_words_of_many_short_rows_are_uniform():
    """The first word of a row stands for its key: 16 of its bits, over many images and indices."""
    words = batch(2000).bits("s", range(500), ())
    for shift in (0, 16):
        counts = torch.bincount((words.flatten() >> shift) & 0xFFFF, minlength=2**16)
        assert chi_square(counts, words.numel() / 2**16) > P_VALUE


def row(rng, stream="s", index=0):
    return rng.bits(stream, index, (2**16,))


NEIGHBOURS = {
    "position": lambda: (row(batch())[:, :-1], row(batch())[:, 1:]),
    "position after next": lambda: (row(batch())[:, :-2], row(batch())[:, 2:]),
    "position below": lambda: (row(batch())[:, :-224], row(batch())[:, 224:]),
    "channel": lambda: (row(batch())[:, : -(224**2)], row(batch())[:, 224**2 :]),
    "index": lambda: (row(batch()), row(batch(), index=1)),
    "distant index": lambda: (row(batch()), row(batch(), index=2**32)),
    "image": lambda: (row(batch())[:-1], row(batch())[1:]),
    "stream": lambda: (row(batch()), row(batch(), stream="t")),
    "epoch": lambda: (row(batch().epoch(0)), row(batch().epoch(1))),
    "first epoch": lambda: (row(batch()), row(batch().epoch(0))),
    "seed": lambda: (row(batch()), row(batch(seed=2))),
    "place": lambda: (row(batch()), row(batch(position=1))),
    "plugin": lambda: (row(batch()), row(batch(plugin="noisy"))),
}


@pytest.mark.parametrize("neighbours", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_neighbours_are_independent(neighbours):
    """No bit of one word agrees with any bit of its neighbour more or less often than half the time."""
    signs, others = (as_bits(words).float() * 2 - 1 for words in neighbours())
    scores = (signs.T @ others).double() / math.sqrt(len(signs))
    assert stats.chi2.sf(float(scores.square().sum()), scores.numel()) > P_VALUE


def test_rows_of_a_batch_are_uncorrelated():
    """All pairs of 400 rows (8 images, 50 samples), as SmoothGrad draws them, also in their squares."""
    noise = batch(8).normal("s", range(50), (3, 64, 64)).view(400, -1)
    upper = torch.triu_indices(400, 400, 1)
    for rows, variance in ((noise, 1.0), (noise.square() - 1, 2.0)):
        scores = (rows @ rows.T)[upper[0], upper[1]].numpy() / variance / math.sqrt(rows.shape[1])
        assert stats.kstest(scores, stats.norm.cdf).pvalue > P_VALUE


@pytest.mark.parametrize(
    "words",
    [lambda: batch(4).bits("s", 0, (2**15,)), lambda: batch(50).bits("s", range(2**12), ())],
    ids=["position", "index"],
)
def test_avalanche(words):
    """Flipping one bit of the position or index flips every bit of the word in half of the cases."""
    words = words()
    numbers = torch.arange(words.shape[1])
    flips = []
    for step in (2**bit for bit in range(len(numbers).bit_length() - 1)):
        without = numbers[numbers & step == 0]
        flips.append(as_bits(words[:, without] ^ words[:, without | step]).sum(0).numpy())
    assert coin_p_value(flips, words.numel() // 2) > P_VALUE


def test_uniform_is_uniform():
    drawn = batch(8).uniform("s", range(4), (2**15,)).flatten().double().numpy()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert stats.kstest(drawn, stats.uniform.cdf).pvalue > P_VALUE
    # Pairs fill the unit square evenly.
    counts = np.histogram2d(drawn[::2], drawn[1::2], bins=64, range=[[0, 1], [0, 1]])[0]
    assert chi_square(counts, drawn.size / 2 / 64**2) > P_VALUE


def test_the_table_of_normals_is_as_documented():
    table = rng_module._normal_quantiles(torch.device("cpu")).double().numpy()
    assert table.mean() == 0
    assert table.var() == pytest.approx(1, abs=1e-8)
    assert (table**4).mean() == pytest.approx(2.99925, abs=5e-6)
    assert table.max() == -table.min() == pytest.approx(4.325, abs=5e-4)
    steps = np.arange(2**16 + 1) / 2**16
    distances = [np.abs(stats.norm.cdf(table) - side).max() for side in (steps[:-1], steps[1:])]
    assert max(distances) < 1.1e-5


def test_normals_are_normal():
    drawn = batch(8).normal("s", range(8), (2**15,)).flatten().double().numpy()
    n = drawn.size
    # Standard errors of the first four moments of n standard normals.
    moments = {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}
    for order, (expected, variance) in moments.items():
        assert abs((drawn**order).mean() - expected) < 4 * math.sqrt(variance / n)
    assert stats.kstest(drawn, stats.norm.cdf).pvalue > P_VALUE
    # Both halves of a word, and words side by side: sums and differences are normal again.
    pairs_of_normals = (drawn[::2] + drawn[1::2], drawn[1:-1:2] - drawn[2::2])
    for mixed in pairs_of_normals:
        assert stats.kstest(mixed / math.sqrt(2), stats.norm.cdf).pvalue > P_VALUE


def test_noise_has_a_flat_spectrum():
    """The mean periodogram of noise images is 1 at each frequency, within its standard error."""
    images = batch(200).normal("s", 0, (64, 64)).double()
    power = torch.fft.fft2(images).abs().square().mean(0).flatten() / 64**2
    # Half of the frequencies are conjugates of the others; each of these is a mean of 200 unit exponentials.
    independent = power.view(64, 64)[1:32, 1:].flatten().numpy()
    assert stats.kstest(independent, stats.gamma(a=200, scale=1 / 200).cdf).pvalue > P_VALUE


def test_all_permutations_are_equally_frequent():
    permutations = batch(300).permutation("s", range(80), 4).view(-1, 4)
    counts = torch.bincount(permutations @ torch.tensor([64, 16, 4, 1]), minlength=256)
    orders = [
        sum(digit * 4**position for position, digit in enumerate(order)) for order in itertools.permutations(range(4))
    ]
    assert counts.sum() == counts[orders].sum() == 24_000
    assert chi_square(counts[orders], 1000) > P_VALUE


def test_every_element_goes_everywhere():
    permutations = batch(400).permutation("s", range(40), 16).view(-1, 16)
    assert torch.equal(permutations.sort(dim=1).values, torch.arange(16).expand(16_000, 16))
    counts = torch.stack([(permutations == element).sum(0) for element in range(16)])
    # Rows and columns have fixed sums, which leaves 15 x 15 degrees of freedom; 15/16 corrects for the sampling.
    statistic = float(((counts - 1000.0) ** 2).sum()) / 1000 * 15 / 16
    assert stats.chi2.sf(statistic, 15 * 15) > P_VALUE


@pytest.mark.parametrize("high", [1, 2, 3, 10, 1000])
def test_integers_are_uniform(high):
    drawn = batch(8).integers("s", range(4), (2**14,), high)
    counts = torch.bincount(drawn.flatten(), minlength=high)
    assert counts.numel() == high
    assert high == 1 or chi_square(counts, drawn.numel() / high) > P_VALUE


@pytest.mark.parametrize("high", [3 * 2**29, 2**31])
def test_large_bounds_are_unbiased(high):
    """The remainder of a 32-bit word modulo 3 * 2^29 would fall into its lower two thirds 3/4 of the time."""
    drawn = batch(8).integers("s", range(4), (2**13,), high).flatten()
    assert drawn.min() >= 0
    assert drawn.max() < high
    counts = torch.bincount(drawn * 96 // high, minlength=96)
    assert chi_square(counts, drawn.numel() / 96) > P_VALUE


# --- Other libraries draw from global generators -------------------------------------------------------------


def from_global_generators():
    return torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random()  # noqa: NPY002, S311


def test_other_libraries_draw_what_belongs_to_an_image_and_leave_no_trace():
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    expected = from_global_generators()
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    images = ImageRandom.for_images(0, "theirs", 0, ["a", "b"])
    drawn = []
    for rng in (images[0], images[1], ImageRandom.for_images(0, "theirs", 0, ["b"])):
        with seeded_generators(rng):
            drawn.append(from_global_generators())
    assert drawn[1] == drawn[2] != drawn[0]
    with contextlib.suppress(RuntimeError), seeded_generators(images[0]):
        from_global_generators()
        raise RuntimeError("theirs breaks")
    assert from_global_generators() == expected


def test_random_numbers_of_several_images_seed_nothing():
    with (
        pytest.raises(ValueError, match=r"of one image, rng\[row\], not of 2"),
        seeded_generators(ImageRandom.for_images(0, "theirs", 0, ["a", "b"])),
    ):
        pass
