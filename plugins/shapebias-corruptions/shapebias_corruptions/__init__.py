"""The corruptions of ImageNet-C: their names and summaries."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import TransformSpec, hookimpl

__all__ = ["shapebias_transforms"]

_PAPER = "Hendrycks & Dietterich 2019, Benchmarking neural network robustness to common corruptions and perturbations"
_CORRUPTIONS = {
    "c-gaussian-noise": ("noise:GaussianNoise", "normal noise, as in low light"),
    "c-shot-noise": ("noise:ShotNoise", "Poisson noise, as with few photons"),
    "c-impulse-noise": ("noise:ImpulseNoise", "salt and pepper, as from bit errors"),
    "c-defocus-blur": ("blur:DefocusBlur", "average over a disk, as out of focus"),
    "c-glass-blur": ("glass_blur:GlassBlur", "pixels moved a little, as behind frosted glass"),
    "c-motion-blur": ("blur:MotionBlur", "blur in one direction, as from a moving camera"),
    "c-zoom-blur": ("blur:ZoomBlur", "average over enlarged copies, as from a camera that moves forward"),
    "c-snow": ("snow:Snow", "whitened, with flakes that fall in streaks"),
    "c-frost": ("frost:Frost", "overlaid with photographs of ice crystals"),
    "c-fog": ("fog:Fog", "clouds of light that reduce contrast"),
    "c-brightness": ("colour:Brightness", "lighter, with the same hue"),
    "c-contrast": ("colour:Contrast", "closer to the mean colour"),
    "c-elastic-transform": ("elastic_transform:ElasticTransform", "stretched globally and locally"),
    "c-pixelate": ("pixelate:Pixelate", "made smaller and enlarged again"),
    "c-jpeg-compression": ("jpeg_compression:JpegCompression", "written as JPEG and read again"),
    "c-speckle-noise": ("noise:SpeckleNoise", "normal noise proportional to the pixel value"),
    "c-gaussian-blur": ("blur:GaussianBlur", "smoothed with a Gaussian"),
    "c-spatter": ("spatter:Spatter", "splashed with drops of water or with mud"),
    "c-saturate": ("colour:Saturate", "colours made weaker or stronger"),
}
_MOVES_PIXELS = {"c-elastic-transform"}


@hookimpl
def shapebias_transforms() -> Iterator[TransformSpec]:
    """Yield the fifteen corruptions of the benchmark, then the four that are kept for validation.

    None of them declares that it destroys texture or shape, because they test robustness, not the use of a cue.
    """
    for name, (target, summary) in _CORRUPTIONS.items():
        yield TransformSpec(
            name,
            f"shapebias_corruptions.{target}",
            summary=summary,
            references=_PAPER,
            moves_pixels=name in _MOVES_PIXELS,
        )
