"""Where the files of a model are: in a folder, or in a commit of a repository on the hub."""

from __future__ import annotations

import hashlib
from pathlib import Path

import huggingface_hub

from shapebias.plugin import ShapebiasError

__all__ = ["folder_of", "identity"]

# What is read of a model; neither pickles nor code are among it, so neither is fetched.
_FILES = ("config.json", "*processor_config.json", "model*.safetensors", "model.safetensors.index.json")


def folder_of(source: str, revision: str | None = None) -> Path:
    """Return the folder that has a model's files; those of the hub are downloaded unless they are there already.

    Args:
        source: a folder, or ``owner/name`` on the hub.
        revision: commit, tag or branch on the hub.

    Raises:
        ShapebiasError: there is no such folder, and the hub has no such repository or cannot be reached.
    """
    if Path(source).is_dir():
        if revision is not None:
            raise ShapebiasError(f"{source} is a folder and has no revisions; leave revision={revision} out")
        return Path(source)
    try:
        return Path(huggingface_hub.snapshot_download(source, revision=revision, allow_patterns=list(_FILES)))
    except Exception as error:  # wrong names, wrong revisions, no permission, no network: each has a type of its own
        raise ShapebiasError(
            f"hf:{source} is no folder here, and cannot be fetched from the Hugging Face hub: {error}\n"
            "correct the name; without a network, fetch it elsewhere ('hf download NAME --local-dir FOLDER') and name "
            "that folder"
        ) from error


def identity(source: str, revision: str | None = None) -> str:
    """Say what a model's files are: a hash of their content in a folder, the commit on the hub."""
    folder = folder_of(source, revision)
    if not Path(source).is_dir():
        return f"commit {folder.name}"
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
