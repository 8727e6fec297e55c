"""Read the names of published stimuli: the condition, the class and the image.

The stimuli of Geirhos et al. 2018, 2019 and 2021 are named like ``0003_cop_dnn_c30_dog_10_n02085620_574.png``: number,
experiment, observer, condition, class, a code, and the original name of the image.
"""

from __future__ import annotations

import re

import attrs

from shapebias.published.human_sets import condition_name, published_conditions

__all__ = ["ImageName", "cue_words", "presented", "read_image_name"]

_PUBLISHED = re.compile(r"\d+_[^_]+_[^_]+_(?P<condition>[^_]+)_(?P<category>[^_]+)_\d+_(?P<picture>.+)")
_CUES = re.compile(r"([^\W\d_]+)\d+-([^\W\d_]+)\d+")
_SUFFIX = re.compile(r"\.(?:png|jpe?g|bmp|tiff?|webp)$", re.IGNORECASE)
_AGAIN = re.compile(r"(.+) \((\d+)\)")


@attrs.frozen
class ImageName:
    """The parts of a stimulus's name.

    Args:
        picture: the original name of the image, with its suffix if it has one.
        category: its class; None if the name does not contain it.
        condition: how it was changed, as :func:`shapebias.published.human_sets.condition_name` writes it; None if the
            name does not contain it.
        presentation: 1, or a higher number if the image is shown again.
    """

    picture: str
    category: str | None = None
    condition: str | None = None
    presentation: int = 1

    @property
    def stem(self) -> str:
        """The image's name without the suffix: some stimuli are published both as JPEG and as PNG."""
        return _SUFFIX.sub("", self.picture)


def read_image_name(name: str) -> ImageName:
    """Read a published name, or an id of ``model-vs-human``, or else take the folder of a file as its class.

    Args:
        name: an image's id or path, with ``/`` between folders.

    >>> read_image_name("session-1/0003_nse_dnn_0.10_dog_10_n02085620_574.png")
    ImageName(picture='n02085620_574.png', category='dog', condition='0.1', presentation=1)
    >>> read_image_name("0.10/dog/n02085620_574.png") == _
    True
    >>> read_image_name("dog/dog10-bicycle1.png (2)")
    ImageName(picture='dog10-bicycle1.png', category='dog', condition=None, presentation=2)
    """
    *folders, file = name.split("/")
    again = _AGAIN.fullmatch(file)
    file, presentation = (again[1], int(again[2])) if again else (file, 1)
    if named := _PUBLISHED.fullmatch(file):
        return ImageName(named["picture"], named["category"], condition_name(named["condition"]), presentation)
    match folders:
        case [condition, category] if condition_name(condition) in published_conditions():
            return ImageName(file, category, condition_name(condition), presentation)
    return ImageName(file, folders[-1] if folders else None, presentation=presentation)


def presented(name: str, presentation: int) -> str:
    """Name an image that is shown again.

    >>> presented("dog/dog10-bicycle1.png", 1), presented("dog/dog10-bicycle1.png", 2)
    ('dog/dog10-bicycle1.png', 'dog/dog10-bicycle1.png (2)')
    """
    return name if presentation == 1 else f"{name} ({presentation})"


def cue_words(picture: str) -> tuple[str, str] | None:
    """Read shape and texture from the name of a cue-conflict stimulus; return None for other names.

    >>> cue_words("cat7-elephant1.png")
    ('cat', 'elephant')
    """
    cues = _CUES.fullmatch(_SUFFIX.sub("", picture))
    return (cues[1], cues[2]) if cues else None
