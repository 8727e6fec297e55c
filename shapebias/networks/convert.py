"""Convert a pickled weight file that you trust to safetensors: ``python -m shapebias.networks.convert``.

Reading a pickle can run any code, so shapebias reads only pickles that run none.  This script reads one that you
trust, once, and writes only its weights, as safetensors, a format that cannot hold code.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from shapebias.errors import WeightsError
from shapebias.files import write_atomically
from shapebias.networks.weight_files import state_dict_in

__all__ = ["convert", "main"]


def convert(source: Path, target: Path, prefix: str = "") -> int:
    """Read a pickle, which may run code, and write the tensors of its state dict.

    Args:
        source: the file; of a whole network in it, the ``state_dict()`` is taken.
        target: the file to write, ``*.safetensors``.
        prefix: the entry to take of several networks, with a dot: ``teacher.``; keys keep it.

    Returns:
        The number of tensors.

    Raises:
        WeightsError: it has no state dict.
        OSError: a file cannot be read or written.
    """
    content = torch.load(source, map_location="cpu", weights_only=False)
    if isinstance(content, dict):
        content = {
            key: each.state_dict() if isinstance(each, torch.nn.Module) else each for key, each in content.items()
        }
    weights = content.state_dict() if isinstance(content, torch.nn.Module) else content
    state = state_dict_in(weights, source, prefix)
    tensors = {key: each.detach().clone().contiguous() for key, each in state.items() if isinstance(each, Tensor)}
    if not tensors:
        raise WeightsError(f"{str(source)!r} has no tensors")
    write_atomically(target, safetensors.torch.save(tensors))
    return len(tensors)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m shapebias.networks.convert", description=__doc__)
    parser.add_argument("source", type=Path, help="the pickle")
    parser.add_argument("target", type=Path, help="the file to write, *.safetensors")
    parser.add_argument("--prefix", default="", help="the entry to take of several networks, such as teacher.")
    parser.add_argument("--i-trust-this-file", action="store_true", help="allow the code in it to run")
    given = parser.parse_args(arguments)
    if not given.i_trust_this_file:
        parser.error("reading this file may run any code that its author put into it; if you trust them, "
                     "pass --i-trust-this-file")  # fmt: skip
    count = convert(given.source, given.target, given.prefix)
    print(f"{given.target}: {count} tensors")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
