"""Random numbers that belong to an image, not to a generator that everybody shares.

A draw is a function of (seed, plugin, place in the chain, image id, epoch, stream, index, position) and of nothing else:
not of the batch, its order, the chunk, the worker or the device, and never of a global state.  ``shape`` only names the
positions in row-major order.  So sample 37 of SmoothGrad is the same whether it is drawn alone or as one of fifty.

Construction, a counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):

- *image key*, 64 bits: BLAKE2b of (seed, plugin, place, image id); epoch and stream are folded into it.
- *row key*, 64 bits: output number ``index`` of SplitMix64 (Steele, Lea & Flood 2014) seeded with that key.
- *word p*, 32 bits: ``h(h(p), row key)``.  ``h`` is the two-round xorshift-multiply hash with the lowest known bias, found
  by Wellons' search (nullprogram.com/blog/2018/07/31); half of the key is xored into its input, half is added after the
  first multiplication.  Hashing the position first keeps rows with similar keys from being shifted copies of each other.

Every step is a bijection or a truncation of 32- or 64-bit integers, or a table look-up, so all five kinds of draw are
equal bit for bit on every device.  A normal is 16 bits of a word looked up in 65,536 quantiles: mean 0 and variance 1
exactly, |z| <= 4.33, kurtosis 2.9994, and nowhere further than 2^-17 from the normal distribution function.  Not for
cryptography; and the words of one row never repeat, as would happen once in some 65,000 words by chance.

Cost, ``benchmarks/rng.py``, (16, 50, 3, 224, 224) normals on one core: TODO.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import attrs
import torch
from torch import Tensor

__all__ = ["ImageRandom"]

Index: TypeAlias = int | Sequence[int]

# Words hashed at a time.  On a CPU the 0.5 MB stay in the cache; elsewhere it only bounds the memory.
_BLOCK_CPU, _BLOCK = 2**17, 2**24


@attrs.frozen(eq=False)
class ImageRandom:
    """The random numbers of a batch of images; immutable, and free to be drawn from in any order.

    Draws take a ``stream``, a name that keeps two purposes apart; an ``index``, the number of a sample, step or restart,
    or a sequence of them; and the ``shape`` of one draw.  They return (N, *shape) for one index and (N, I, *shape) for I.
    The kinds of draw (bits, uniform, ...) are independent of each other even for one stream and index.

    Made by :meth:`for_images`.

    >>> rng = ImageRandom.for_images(seed=0, plugin="noise", place=0, ids=["cat.png", "dog.png"])
    >>> noise = rng.normal("samples", range(50), (3, 8, 8))
    >>> noise.shape
    torch.Size([2, 50, 3, 8, 8])
    >>> torch.equal(noise[1:, 37], rng[[1]].normal("samples", 37, (3, 8, 8)))
    True
    """

    _keys: Tensor

    @classmethod
    def for_images(
        cls, seed: int, plugin: str, place: int, ids: Sequence[str], device: torch.device | str = "cpu"
    ) -> ImageRandom:
        """Make the random numbers that one plugin draws for a batch of images.

        Args:
            seed: of the study.
            plugin: name of the plugin that draws.
            place: its place in the chain of transforms and attacks, so that one plugin used twice draws anew.
            ids: N image ids, relative to the data set.
            device: where the numbers are drawn.
        """
        keys = [_digest(seed, plugin, place, image_id) for image_id in ids]
        return cls(torch.tensor(keys, dtype=torch.int64, device=device))

    @property
    def device(self) -> torch.device:
        """Where the numbers are drawn."""
        return self._keys.device

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, rows: Tensor | slice | int | Sequence[int] | Sequence[bool]) -> ImageRandom:
        """Keep some images of the batch: an active set, a chunk; one row is still a batch."""
        return ImageRandom(self._keys[rows].reshape(-1))

    def epoch(self, epoch: int) -> ImageRandom:
        """Return another, independent family of draws for each epoch of training."""
        return ImageRandom(_mix64(self._keys ^ _digest("epoch", epoch)))

    def to(self, device: torch.device | str) -> ImageRandom:
        """Draw the same numbers on another device."""
        return ImageRandom(self._keys.to(device))

    def bits(self, stream: str, index: Index, shape: Sequence[int]) -> Tensor:
        """Draw int32 words of 32 random bits."""
        return self._draw("bits", stream, index, shape, torch.int32, 32, lambda words: words)

    def uniform(self, stream: str, index: Index, shape: Sequence[int]) -> Tensor:
        """Draw float32 uniform on the 2^24 multiples of 2^-24 in [0, 1)."""
        return self._draw(
            "uniform", stream, index, shape, torch.float32, 32, lambda words: (words >> 8 & 0xFFFFFF) * 2.0**-24
        )

    def normal(self, stream: str, index: Index, shape: Sequence[int]) -> Tensor:
        """Draw float32 standard normals, |z| <= 4.33, two from each word, its low half first."""
        table = _normal_quantiles(self.device)

        def quantiles(words: Tensor) -> Tensor:
            return table.index_select(0, words.view(torch.uint16).flatten().to(torch.int32))

        return self._draw("normal", stream, index, shape, torch.float32, 16, quantiles)

    def integers(self, stream: str, index: Index, shape: Sequence[int], high: int) -> Tensor:
        """Draw int64 uniform on [0, high): floor(u * high / 2^64) of a 64-bit u, so the bias is below high / 2^64.

        Raises:
            ValueError: ``high`` is not in 1 ... 2^31.
        """
        if not 1 <= high <= 2**31:
            raise ValueError(f"integers(high={high}): high must be between 1 and 2**31")

        def scaled(words: Tensor) -> Tensor:
            low, top = (words.to(torch.int64) & 0xFFFFFFFF).unflatten(1, (-1, 2)).unbind(2)
            return (top * high + (low * high >> 32)) >> 32

        return self._draw("integers", stream, index, shape, torch.int64, 64, scaled)

    def permutation(self, stream: str, index: Index, n: int) -> Tensor:
        """Draw a uniform permutation of range(n) for each image, (N, n) int64: the order of n 64-bit numbers."""
        numbers = self._draw(
            "permutation", stream, index, (n,), torch.int64, 64, lambda words: words.view(torch.int64)
        )
        return numbers.argsort(dim=-1, stable=True)

    def _draw(
        self,
        kind: str,
        stream: str,
        index: Index,
        shape: Sequence[int],
        dtype: torch.dtype,
        bits: int,
        values: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Hash the words of every row and turn them into values that take ``bits`` bits each."""
        indices = torch.as_tensor(index, dtype=torch.int64, device=self.device)
        streams = _mix64(self._keys ^ _digest(kind, stream))
        # SplitMix64: the state advances by the golden ratio, the mix of the state is the output.
        keys = _mix64(streams[:, None] + (indices.reshape(-1) + 1) * (0x9E3779B97F4A7C15 - 2**64))
        keys = keys.view(torch.int32).view(-1, 2)

        count = math.prod(shape)
        out = torch.empty((len(keys), count), dtype=dtype, device=self.device)
        for rows, columns, words in _blocks(keys, -(-count * bits // 32)):
            block = out[rows, columns.start * 32 // bits : columns.stop * 32 // bits]
            block.copy_(values(words).view(len(block), -1)[:, : block.shape[1]])
        return out.view(len(self), *indices.shape, *shape)


def _digest(*parts: int | str) -> int:
    """Hash numbers and texts to a signed 64-bit integer; JSON keeps ("a", "bc") apart from ("ab", "c")."""
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _mix64(z: Tensor) -> Tensor:
    """Mix int64 as SplitMix64 does.  ``>>`` copies the sign bit; the masks take it away again."""
    z = (z ^ (z >> 30 & 2**34 - 1)) * (0xBF58476D1CE4E5B9 - 2**64)
    z = (z ^ (z >> 27 & 2**37 - 1)) * (0x94D049BB133111EB - 2**64)
    return z ^ (z >> 31 & 2**33 - 1)


def _blocks(keys: Tensor, count: int) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield ``(rows, columns, words)`` until each of the (R, 2) keys has its ``count`` words.

    ``words`` is (rows, columns) int32, contiguous, and overwritten by the next block.
    """
    size = _BLOCK_CPU if keys.device.type == "cpu" else _BLOCK
    width = min(max(count, 1), size)
    height = min(len(keys), size // width)
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


def _hash(positions: Tensor, keys: Tensor, *, out: Tensor, spare: Tensor) -> None:
    """Hash int32 positions with the two words of a key; in place, since temporaries would cost more than the work."""
    torch.bitwise_xor(positions, keys[..., :1], out=out)
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
    """Return the middle quantiles of 65,536 equal slices of the normal distribution, scaled to variance 1."""
    upper = torch.special.ndtri(torch.arange(2**16 + 1, 2**17, 2, dtype=torch.float64, device="cpu") / 2**17)
    upper /= upper.square().mean().sqrt()
    return torch.cat([-upper.flip(0), upper]).to(torch.float32).to(device)
