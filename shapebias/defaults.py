"""A user's defaults: a file that sets the device, the data folder and the number of decoding threads."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import platformdirs

from shapebias.errors import ShapebiasError, suggestion

__all__ = ["NAMES", "VARIABLE", "config_file", "user_defaults"]

VARIABLE = "SHAPEBIAS_CONFIG"
NAMES: dict[str, tuple[type, str]] = {
    "device": (str, "where to compute, such as cuda:1"),
    "data": (str, "the folder of published data"),
    "workers": (int, "threads that decode images"),
}
"""The settings, with their types and meanings."""


def config_file() -> Path:
    """Return the file's path: ``$SHAPEBIAS_CONFIG``, or ``config.toml`` in the user's configuration folder."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_config_path("shapebias") / "config.toml"


def user_defaults() -> dict[str, Any]:
    """Read the user's defaults, by name; without a file there are none.

    Raises:
        ShapebiasError: it cannot be read, is not TOML, or has an unknown name or a wrong value.
    """
    path = config_file()
    content: dict[str, Any]
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ShapebiasError(f"{path} cannot be read as TOML: {error}; correct it, or remove it") from error
    for name, value in content.items():
        if name not in NAMES:
            raise ShapebiasError(f"{path}: {name}: unknown name{suggestion(name, NAMES)}; known: {', '.join(NAMES)}")
        kind, meaning = NAMES[name]
        if type(value) is not kind or value in ("", 0) or (isinstance(value, int) and value < 1):
            wanted = "text" if kind is str else "a whole number of at least 1"
            raise ShapebiasError(f"{path}: {name} is {value!r}; give {wanted}: {meaning}")
    return content
