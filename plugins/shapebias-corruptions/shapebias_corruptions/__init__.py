"""The corruptions of ImageNet-C: their names and summaries."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import TransformSpec, hookimpl

__all__ = ["shapebias_transforms"]

_PAPER = "Hendrycks & Dietterich 2019, Benchmarking neural network robustness to common corruptions and perturbations"
_CORRUPTIONS = {
    "c-gaussian-noise": ("noise:GaussianNoise", "normal noise, as in low light"),
    "c-shot-noise": ("noise:ShotNoise", "Poisson noise, as of few photons"),
    "c-impulse-noise": ("noise:ImpulseNoise", "salt and pepper, as of bit errors"),
    "c-defocus-blur": ("blur:DefocusBlur", "average over a disk, as out of focus"),
    "c-glass-blur": ("glass_blur:GlassBlur", "pixels moved about a little, as behind frosted glass"),
    "c-motion-blur": ("blur:MotionBlur", "blur in one direction, as of a moved camera"),
    "c-zoom-blur": ("blur:ZoomBlur", "average over enlarged copies, as of a camera that moves forward"),
    "c-snow": ("snow:Snow", "whitened, with flakes that fall in streaks"),
    "c-frost": ("frost:Frost", "photographs of ice crystals laid over"),
    "c-fog": ("fog:Fog", "clouds of light that take contrast away"),
    "c-brightness": ("colour:Brightness", "lighter, in the same hue"),
    "c-contrast": ("colour:Contrast", "closer to the mean colour"),
    "c-elastic-transform": ("elastic_transform:ElasticTransform", "stretched as a whole and in small places"),
    "c-pixelate": ("pixelate:Pixelate", "made smaller and enlarged again"),
    "c-jpeg-compression": ("jpeg_compression:JpegCompression", "written as JPEG and read again"),
    "c-speckle-noise": ("noise:SpeckleNoise", "normal noise in proportion to the pixel"),
    "c-gaussian-blur": ("blur:GaussianBlur", "smoothed with a Gaussian"),
    "c-spatter": ("spatter:Spatter", "splashed with drops of water or with mud"),
    "c-saturate": ("colour:Saturate", "colours drained or made stronger"),
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
