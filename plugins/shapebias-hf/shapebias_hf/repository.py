"""Find the files of a model: in a folder, or in a commit of a repository on the hub."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import huggingface_hub

from shapebias.plugin import ShapebiasError

__all__ = ["TEXT_FILES", "expanded", "folder_of", "identity"]

# The files of a model that are read and downloaded: no pickles and no code.
_FILES = ("config.json", "*processor_config.json", "model*.safetensors", "model.safetensors.index.json")
# Also, the tokeniser of an image-text model.
TEXT_FILES = (
    "tokenizer*.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
)


def expanded(source: object) -> object:
    """Expand a leading ``~`` of a path; anything but a text is left to the check of the parameter.

    >>> expanded("owner/name"), expanded(3)
    ('owner/name', 3)
    """
    if not isinstance(source, (str, Path)):
        return source
    return os.path.expanduser(source)  # noqa: PTH111 - a name on the hub stays as it is spelled


def folder_of(source: str, revision: str | None = None, also: tuple[str, ...] = ()) -> Path:
    """Return the folder that has a model's files; those of the hub are downloaded unless they are cached.

    Args:
        source: a folder, or ``owner/name`` on the hub.
        revision: commit, tag or branch on the hub.
        also: patterns of more files that are needed.

    Raises:
        ShapebiasError: there is no such folder, and the hub has no such repository or cannot be reached.
    """
    if Path(source).is_dir():
        if revision is not None:
            raise ShapebiasError(f"{source} is a folder and has no revisions; leave revision={revision} out")
        return Path(source)
    try:
        return Path(huggingface_hub.snapshot_download(source, revision=revision, allow_patterns=[*_FILES, *also]))
    except Exception as error:  # wrong names, wrong revisions, no permission, no connection: each has its own type
        raise ShapebiasError(
            f"hf:{source} is not a local folder, and cannot be downloaded from the Hugging Face hub: {error}\n"
            "correct the name; offline, download it elsewhere ('hf download NAME --local-dir FOLDER') and "
            "name that folder"
        ) from error


def identity(source: str, revision: str | None = None, also: tuple[str, ...] = ()) -> str:
    """Return what identifies a model's files: a hash of their content in a folder, or the commit on the hub."""
    folder = folder_of(source, revision, also)
    if not Path(source).is_dir():
        return f"commit {folder.name}"
    digest = hashlib.sha256()
    for path in sorted({path for pattern in (*_FILES, *also) for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
