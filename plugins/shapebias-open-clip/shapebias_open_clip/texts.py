"""Embeddings of the texts of classes, computed once for each list of texts and cached on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import open_clip
import torch
from torch import Tensor

from shapebias.plugin import ShapebiasError, cached_tensors, class_embeddings, hash_state
from shapebias_open_clip.network import Network

__all__ = ["embed_texts"]


def embed_texts(
    network: Network, tokenizer: Callable[[Sequence[str]], Tensor], texts: Sequence[Sequence[str]]
) -> Tensor:
    """Return the embedding of each class, (C, D), on the CPU.

    They are cached by the weights of the network, the tokens of the texts, and the version of open_clip.

    Args:
        network: a network of open_clip, in eval mode.
        tokenizer: its tokenizer.
        texts: the texts of each class.

    Raises:
        ShapebiasError: the tokenizer cannot be downloaded, or a text is longer than the network takes.
    """
    flat = [text for of_class in texts for text in of_class]
    try:
        tokens = dict(zip(flat, tokenizer(flat), strict=True))
    except Exception as error:  # some tokenizers are downloaded when they are first called
        raise ShapebiasError(f"open-clip: the texts of the classes cannot be tokenised: {error}") from error
    device = next(network.parameters()).device

    def encode(some: Sequence[str]) -> Tensor:
        embeddings: Tensor = network.encode_text(torch.stack([tokens[text] for text in some]).to(device))
        return embeddings

    digest = hashlib.sha256(torch.stack([tokens[text] for text in flat]).numpy().tobytes())
    made_from = [
        f"open_clip {open_clip.__version__}",
        type(network).__name__,
        hash_state(network),
        [len(of_class) for of_class in texts],
        digest.hexdigest(),
    ]
    return cached_tensors(made_from, lambda: {"embeddings": class_embeddings(encode, texts)})["embeddings"]
