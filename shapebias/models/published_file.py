"""A file that others have published: where it is, what is known about it, and how it gets onto this machine."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from shapebias.errors import DataError, WeightsError
from shapebias.files import sha256

__all__ = ["PublishedFile"]

_DIGITS = re.compile(r"-([0-9a-f]{8})\.pth")


@attrs.frozen
class PublishedFile:
    """Weights that their authors offer for download.

    Args:
        address: where.
        licence: of the weights, as their authors state it.
        name: what the file is called on this machine; by default the last part of the address.  Many authors put the
            first eight digits of the SHA-256 before the suffix: those are compared.
    """

    address: str
    licence: str
    name: str = ""

    @property
    def file_name(self) -> str:
        """The name on this machine."""
        return self.name or self.address.rpartition("/")[2]

    def facts(self) -> dict[str, str]:
        """Return what is known about the file, for ``shapebias show``."""
        digits = _DIGITS.search(self.file_name)
        checksum = f"SHA-256 begins with {digits[1]}" if digits else "none published"
        return {"address": self.address, "checksum": checksum, "licence": self.licence}

    def path(self, given: Path | None = None) -> Path:
        """Return the file on this machine, which is downloaded if it is not there.

        Args:
            given: where the user has it already.

        Raises:
            WeightsError: it was given, and is not there.
            DataError: it cannot be downloaded, or its content is not what the digits in its name say.
        """
        from shapebias.fetching.data_folder import data_folder, writable
        from shapebias.fetching.downloading import download_file
        from shapebias.fetching.messages import announce

        if given is not None:
            if not given.is_file():
                raise WeightsError(f"weight file {str(given)!r} does not exist")
            return given
        data = data_folder()
        path = data / "networks" / self.file_name
        if not path.is_file():
            announce(f"downloading {self.address}")
            by_hand = f"without a network, give it with file=FILE, or put it at {path}"
            with writable(data):
                path.parent.mkdir(parents=True, exist_ok=True)
                download_file(self.address, path, by_hand=by_hand)
        stated = _DIGITS.search(path.name)
        if stated and not (found := sha256(path)).startswith(stated[1]):
            raise DataError(
                f"{path} has SHA-256 {found}, which does not begin with {stated[1]}; delete it and try again"
            )
        return path

    def sha256(self, given: Path | None = None) -> str:
        """Return the SHA-256 of the file, see :meth:`path`."""
        return sha256(self.path(given))
