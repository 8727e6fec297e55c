"""Random numbers that belong to an image, not to a shared generator.

A draw depends only on (seed, plugin, step index, image id, epoch, stream, index, position): not on the batch, its
order, the chunk, the worker or the device, and never on a global state.  ``shape`` only numbers the positions in
row-major order.  So sample 37 of SmoothGrad is the same whether it is drawn alone or as one of fifty.

Construction, a counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):

- *image key*, 64 bits: BLAKE2b of (seed, plugin, step index, image id); epoch and stream are mixed into it.
- *row key*, 64 bits: output ``index`` of SplitMix64 (Steele, Lea & Flood 2014) seeded with the image key.
- *word p*, 32 bits: ``h(h(p, 0), row key)``.  ``h`` is a two-round xorshift-multiply hash whose constants
  were found by search for the lowest bias (Wellons 2018, "Prospecting for hash functions"); one half of the
  key is xored into its input, the other is added after the first multiplication.  Because the position is
  hashed before a key comes in, no row is a shifted copy of another.

Every step is integer arithmetic modulo 2^32 or 2^64, an exact scaling or a table look-up, so all kinds of draw
are equal bit for bit on every device.  Limits: the numbers are not for cryptography.  The words of one row are all
different, whereas about 93,000 independent words would on average contain one repetition.  A normal is 16 bits of a
word looked up in a table of 65,536 quantiles, with |z| <= 4.33, mean 0, variance 1, kurtosis 2.9992, and a
distribution function within 1.1e-5 of the normal one.

Cost: 0.93 times `torch.randn` for the noise of SmoothGrad (16 images, 50 samples, 3 x 224 x 224; one thread of a shared
cloud CPU, torch 2.15, `benchmarks/rng.py`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import attrs
import numpy as np
import torch
from torch import Tensor

__all__ = ["ImageRandom", "seeded_generators"]

Index: TypeAlias = int | Sequence[int]

# Words hashed at a time.  On a CPU these 0.5 MB stay in the cache; elsewhere it only bounds the memory.
_CPU_BLOCK, _BLOCK = 2**17, 2**24


@attrs.frozen(eq=False)
class ImageRandom:
    """The random numbers of a batch of N images: immutable, made by :meth:`for_images`.

    All draws take a ``stream``, the name of their purpose; an ``index``, the number of a sample, step or restart;
    and the ``shape`` of one draw.  One index gives ``(N, *shape)``, a sequence of I indices gives ``(N, I, *shape)``.
    The kinds of draw (bits, uniform, ...) are independent of each other, even for the same stream and index.

    >>> rng = ImageRandom.for_images(seed=0, plugin="noise", step_index=0, ids=["cat.png", "dog.png"])
    >>> noise = rng.normal("samples", range(50), (3, 8, 8))
    >>> noise.shape
    torch.Size([2, 50, 3, 8, 8])
    >>> torch.equal(noise[1:, 37], rng[1:].normal("samples", 37, (3, 8, 8)))
    True
    """

    _keys: Tensor

    @classmethod
    def for_images(
        cls, seed: int, plugin: str, step_index: int, ids: Sequence[str], device: torch.device | str = "cpu"
    ) -> ImageRandom:
        """Make the random numbers that one plugin draws for a batch of images.

        Args:
            seed: of the study.
            plugin: name of the plugin that draws.
            step_index: its position in the chain of transforms and attacks, so that a plugin that is used twice draws
                different numbers.
            ids: N image ids, relative to the data set.
            device: the device on which the numbers are drawn.
        """
        keys = [_digest(seed, plugin, step_index, image_id) for image_id in ids]
        return cls(torch.tensor(keys, dtype=torch.int64, device=device))

    @property
    def device(self) -> torch.device:
        """The device on which the numbers are drawn."""
        return self._keys.device

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, rows: Tensor | slice | int | Sequence[int] | Sequence[bool]) -> ImageRandom:
        """Return the random numbers of some images, a chunk or an active set; one image is still a batch."""
        return ImageRandom(self._keys[rows].reshape(-1))

    def epoch(self, epoch: int) -> ImageRandom:
        """Return another, independent family of draws, for one epoch of training."""
        return ImageRandom(_mix(self._keys ^ _digest("epoch", epoch)))

    def to(self, device: torch.device | str) -> ImageRandom:
        """Return the same random numbers on another device."""
        return ImageRandom(self._keys.to(device))

    def bits(self, stream: str, index: Index, shape: Sequence[int]) -> Tensor:
        """Draw int32 words of 32 random bits."""
        return self._draw("bits", stream, index, shape, dtype=torch.int32, bits=32, values=lambda words: words)

    def uniform(self, stream: str, index: Index, shape: Sequence[int]) -> Tensor:
        """Draw float32 multiples of 2^-24, uniform in [0, 1)."""

        def fractions(words: Tensor) -> Tensor:
            return words.bitwise_right_shift_(8).bitwise_and_(0xFFFFFF).float().mul_(2.0**-24)

        return self._draw("uniform", stream, index, shape, dtype=torch.float32, bits=32, values=fractions)

    def normal(self, stream: str, index: Index, shape: Sequence[int]) -> Tensor:
        """Draw float32 standard normals, within 4.33 of 0, two from each word, its low half first."""
        table = _normal_quantiles(self.device)

        def quantiles(words: Tensor) -> Tensor:
            return table.index_select(0, words.view(torch.uint16).flatten().to(torch.int32))

        return self._draw("normal", stream, index, shape, dtype=torch.float32, bits=16, values=quantiles)

    def integers(self, stream: str, index: Index, shape: Sequence[int], high: int) -> Tensor:
        """Draw int64 uniform in [0, high): floor(u high / 2^64) of 64 bits u, uniform to within high / 2^64.

        Raises:
            ValueError: ``high`` is not in 1 ... 2^31.

        >>> rng = ImageRandom.for_images(seed=0, plugin="dice", step_index=0, ids=["cat.png", "dog.png"])
        >>> rng.integers("throw", 0, (4,), high=6).shape
        torch.Size([2, 4])
        """
        if not 1 <= high <= 2**31:
            raise ValueError(f"high={high}: integers are drawn from [0, high) with high from 1 to 2**31")

        def scaled(words: Tensor) -> Tensor:
            lower, upper = (words.to(torch.int64) & 0xFFFFFFFF).view(len(words), -1, 2).unbind(2)
            return (upper * high + (lower * high >> 32)) >> 32

        return self._draw("integers", stream, index, shape, dtype=torch.int64, bits=64, values=scaled)

    def permutation(self, stream: str, index: Index, n: int) -> Tensor:
        """Draw a uniform permutation of range(n) for each image, int64 (N, n): the order of n 64-bit numbers.

        >>> rng = ImageRandom.for_images(seed=0, plugin="shuffle", step_index=0, ids=["cat.png"])
        >>> sorted(rng.permutation("tiles", 0, 4)[0].tolist())
        [0, 1, 2, 3]
        """

        def numbers(words: Tensor) -> Tensor:
            return words.view(torch.int64)

        drawn = self._draw("permutation", stream, index, (n,), dtype=torch.int64, bits=64, values=numbers)
        return drawn.argsort(dim=-1, stable=True)

    def _draw(
        self,
        kind: str,
        stream: str,
        index: Index,
        shape: Sequence[int],
        *,
        dtype: torch.dtype,
        bits: int,
        values: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Hash the words of every row and convert them to ``values``, each from ``bits`` bits."""
        indices = torch.as_tensor(index, dtype=torch.int64, device=self.device)
        streams = _mix(self._keys ^ _digest(kind, stream))
        # SplitMix64: the state advances by 2^64 over the golden ratio, the output is the mixed state.
        keys = _mix(streams[:, None] + (indices.flatten() + 1) * _signed(0x9E3779B97F4A7C15))
        keys = keys.view(torch.int32).view(-1, 2)

        count = math.prod(shape)
        out = torch.empty((len(keys), count), dtype=dtype, device=self.device)
        for rows, columns, words in _blocks(keys, -(-count * bits // 32)):
            block = out[rows, columns.start * 32 // bits : columns.stop * 32 // bits]
            block.copy_(values(words).view(len(block), -1)[:, : block.shape[1]])
        return out.view(len(self), *indices.shape, *shape)


@contextlib.contextmanager
def seeded_generators(rng: ImageRandom) -> Iterator[None]:
    """Let another library draw random numbers for one image: seed the global generators from the image.

    The generators of torch (CPU and the images' device), numpy and Python are restored afterwards.  Call a library that
    draws from them with one image at a time: in a batch, the draws of an image depend on those of the images before it.

    Args:
        rng: the random numbers of one image.

    Raises:
        ValueError: ``rng`` belongs to several images.

    >>> rng = ImageRandom.for_images(seed=0, plugin="theirs", step_index=0, ids=["cat.png", "dog.png"])
    >>> with seeded_generators(rng[1]):
    ...     first = torch.rand(3)
    >>> with seeded_generators(rng[1]):
    ...     torch.equal(torch.rand(3), first)
    True
    """
    if len(rng) != 1:
        raise ValueError(f"seeded_generators() takes the random numbers of one image, rng[row], not of {len(rng)}")
    seed, device = int(rng.integers("seed", 0, (), high=2**31)), rng.device
    devices, kind = ([], "cuda") if device.type == "cpu" else ([device], device.type)
    pythons, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 - what others draw from
    try:
        with torch.random.fork_rng(devices, device_type=kind):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed devices that are not restored
            for accelerator in devices:
                module = torch.get_device_module(accelerator)
                with module.device(accelerator):  # not always the current one, as with --device cuda:1
                    module.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            yield
    finally:
        random.setstate(pythons)
        np.random.set_state(numpys)  # noqa: NPY002


def _digest(*parts: int | str) -> int:
    """Hash numbers and texts to a signed 64-bit integer; JSON distinguishes ("a", "bc") from ("ab", "c")."""
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _signed(unsigned: int) -> int:
    return unsigned - 2**64


def _mix(z: Tensor) -> Tensor:
    """Return SplitMix64's output for the state ``z``, int64; the masks clear the sign bits that ``>>`` copies."""
    z = (z ^ (z >> 30 & 2**34 - 1)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> 27 & 2**37 - 1)) * _signed(0x94D049BB133111EB)
    return z ^ (z >> 31 & 2**33 - 1)


def _blocks(keys: Tensor, count: int) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield ``(rows, columns, words)`` until each of R keys, int32 (R, 2), has its ``count`` words.

    ``words``, int32 (rows, columns), is contiguous, may be overwritten, and is by the next block.
    """
    size = _CPU_BLOCK if keys.device.type == "cpu" else _BLOCK
    width = min(max(count, 1), size)
    height = min(max(len(keys), 1), size // width)
    buffers = keys.new_empty((2, height * width))
    for left in range(0, count, width):
        columns = slice(left, min(left + width, count))
        positions = torch.arange(columns.start, columns.stop, dtype=torch.int32, device=keys.device)[None]
        _hash(positions, keys.new_zeros(2), out=positions, spare=torch.empty_like(positions))
        for top in range(0, len(keys), height):
            rows = slice(top, min(top + height, len(keys)))
            extent = (rows.stop - rows.start, columns.stop - columns.start)
            words, spare = (buffer[: math.prod(extent)].view(extent) for buffer in buffers)
            _hash(positions, keys[rows], out=words, spare=spare)
            yield rows, columns, words


def _hash(numbers: Tensor, keys: Tensor, *, out: Tensor, spare: Tensor) -> None:
    """Write h(numbers, keys) to ``out``; all in place, since temporaries would cost more than the arithmetic."""
    torch.bitwise_xor(numbers, keys[..., :1], out=out)
    _xorshift(out, 16, spare)
    torch.add(keys[..., 1:], out, alpha=0x21F0AAAD, out=out)
    _xorshift(out, 15, spare)
    out.mul_(0x735A2D97)
    _xorshift(out, 15, spare)


def _xorshift(words: Tensor, distance: int, spare: Tensor) -> None:
    torch.bitwise_right_shift(words, distance, out=spare)
    words.bitwise_xor_(spare.bitwise_and_(2 ** (32 - distance) - 1))


@functools.cache
def _normal_quantiles(device: torch.device) -> Tensor:
    """Return the medians of 65,536 equally likely slices of the normal distribution, scaled to variance 1."""
    upper = torch.special.ndtri(torch.arange(2**16 + 1, 2**17, 2, dtype=torch.float64, device="cpu") / 2**17)
    upper /= upper.square().mean().sqrt()
    return torch.cat([-upper.flip(0), upper]).to(device, torch.float32)
