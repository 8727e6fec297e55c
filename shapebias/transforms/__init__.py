"""The built-in transforms: only the hook implementations; each algorithm has its own file beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import TransformSpec

__all__ = ["shapebias_transforms"]

_GEIRHOS_2018 = "Geirhos et al. 2018, Generalisation in humans and deep neural networks, section 2"
_GEIRHOS_2019 = "Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 2"
_HENDRYCKS = (
    "Hendrycks & Dietterich 2019, Benchmarking neural network robustness to common corruptions and perturbations"
)
_WANG = (
    "Wang et al. 2020, High-frequency component helps explain the generalization of convolutional neural networks, "
    "section 3"
)
_BURGERT = "Burgert et al. 2025, ImageNet-trained CNNs are not biased towards texture, section 3"


@hookimpl
def shapebias_transforms() -> Iterator[TransformSpec]:
    """Yield the transforms that remove texture, shape or colour."""
    yield TransformSpec(
        "saturate",
        "shapebias.transforms.saturate:Saturate",
        summary="push pixels towards 0 and 1: contours stay, texture goes",
        references=(
            "Ding et al. 2019, On the sensitivity of adversarial robustness to input data distributions",
            "Zhang & Zhu 2019, Interpreting adversarially trained convolutional neural networks, section 3.3",
        ),
        destroys="texture",
        unchanged=("p", 2),
    )
    yield TransformSpec(
        "patch-shuffle",
        "shapebias.transforms.patch_shuffle:PatchShuffle",
        summary="permute the tiles of a k x k grid: local texture stays, global shape goes",
        references="Zhang & Zhu 2019, Interpreting adversarially trained convolutional neural networks, section 3.3",
        destroys="shape",
        moves_pixels=True,
        unchanged=("k", 1),
    )
    yield TransformSpec(
        "grayscale",
        "shapebias.transforms.grayscale:Grayscale",
        summary="replace colour by luma",
        references=("ITU-R Recommendation BT.601", _BURGERT),
        destroys="colour",
        unchanged=("alpha", 0),
    )
    yield TransformSpec(
        "stylize",
        "shapebias.transforms.stylize:Stylize",
        summary="paint the image in the style of a texture: shape stays, texture and colour are those of the style",
        references=(
            "Huang & Belongie 2017, Arbitrary style transfer in real-time with adaptive instance normalization",
            "Wang et al. 2023, MicroAST: towards super-fast ultra-resolution arbitrary style transfer",
            "Geirhos et al. 2019, ImageNet-trained CNNs are biased towards texture, section 2.1",
        ),
        destroys=("texture", "colour"),
        unchanged=("alpha", 0),
    )
    yield from _drawn()
    yield from _pointwise()
    yield from _spectral()


def _drawn() -> Iterator[TransformSpec]:
    """Yield the transforms that keep only one cue: lines, the outline, or the texture."""
    yield TransformSpec(
        "edges",
        "shapebias.transforms.edges:Edges",
        summary="draw the edges that Canny's detector finds: contours stay, surfaces go",
        references=("Canny 1986, A computational approach to edge detection", _GEIRHOS_2019),
        destroys=("texture", "colour"),
    )
    yield TransformSpec(
        "silhouette",
        "shapebias.transforms.silhouette:Silhouette",
        summary="fill the object with black on white: the outline stays, everything else goes",
        references=(
            _GEIRHOS_2019,
            "Baker et al. 2018, Deep convolutional networks do not classify based on global object shape",
        ),
        destroys=("texture", "colour"),
        needs="mask",
    )
    yield TransformSpec(
        "texture-only",
        "shapebias.transforms.texture_only:TextureOnly",
        summary="fill the image with patches from inside the object: texture stays, the outline goes",
        references="Ge et al. 2022, Contributions of shape, texture, and color in visual recognition, section 3.1",
        destroys="shape",
        moves_pixels=True,
        needs="mask",
    )


def _pointwise() -> Iterator[TransformSpec]:
    """Yield the transforms that change light and colour, add white noise, or blur."""
    yield TransformSpec(
        "brightness",
        "shapebias.transforms.brightness:Brightness",
        summary="add to the brightness of each pixel; hue and saturation stay",
        references=_HENDRYCKS,
        unchanged=("shift", 0),
    )
    yield TransformSpec(
        "contrast",
        "shapebias.transforms.contrast:Contrast",
        summary="scale the distance of every pixel from middle grey",
        references=_GEIRHOS_2018,
        unchanged=("c", 1),
    )
    yield TransformSpec(
        "hue",
        "shapebias.transforms.hue:Hue",
        summary="turn the hue of every pixel by an angle",
        references="Hosseini & Poovendran 2018, Semantic adversarial examples, section 3",
        destroys="colour",
        unchanged=("degrees", 0),
    )
    yield TransformSpec(
        "invert",
        "shapebias.transforms.invert:Invert",
        summary="make the negative: contours stay and change their polarity",
        references=(
            "Hosseini et al. 2017, On the limitation of convolutional neural networks in recognizing negative images"
        ),
        destroys="colour",
    )
    yield TransformSpec(
        "blur",
        "shapebias.transforms.blur:Blur",
        summary="smooth with a Gaussian: fine texture and sharp contours go",
        references=_GEIRHOS_2018,
        destroys="texture",
        unchanged=("sigma", 0),
    )
    yield TransformSpec(
        "noise",
        "shapebias.transforms.noise:Noise",
        summary="add white noise, uniform or Gaussian",
        references=(_GEIRHOS_2018, _HENDRYCKS),
        unchanged=("strength", 0),
    )


def _spectral() -> Iterator[TransformSpec]:
    """Yield the transforms that act on the Fourier transform of the image."""
    yield TransformSpec(
        "amplitude-swap",
        "shapebias.transforms.amplitude_swap:AmplitudeSwap",
        summary="Fourier phase of the image, amplitude of another image: shape stays, texture is replaced",
        references=(
            "Oppenheim & Lim 1981, The importance of phase in signals",
            "Chen et al. 2021, Amplitude-phase recombination: rethinking robustness of CNNs in frequency domain",
        ),
        destroys="texture",
        needs="partner",
        unchanged=("strength", 0),
    )
    yield TransformSpec(
        "low-pass",
        "shapebias.transforms.low_pass:LowPass",
        summary="keep the low spatial frequencies: coarse shape stays, fine texture goes",
        references=_WANG,
        destroys="texture",
    )
    yield TransformSpec(
        "high-pass",
        "shapebias.transforms.high_pass:HighPass",
        summary="keep the high spatial frequencies and the mean: contours and fine texture stay",
        references=_WANG,
        unchanged=("radius", 0),
    )
    yield TransformSpec(
        "band-noise",
        "shapebias.transforms.band_noise:BandNoise",
        summary="add grey noise of one band of spatial frequencies",
        references=(
            "Solomon & Pelli 1994, The visual filter mediating letter identification",
            "Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness",
        ),
        unchanged=("sigma", 0),
    )
    yield TransformSpec(
        "phase-noise",
        "shapebias.transforms.phase_noise:PhaseNoise",
        summary="shift the phase of every spatial frequency at random: contours dissolve, the power spectrum stays",
        references=_GEIRHOS_2018,
        destroys="shape",
        moves_pixels=True,
        unchanged=("width", 0),
    )
    yield from _feature_suppression()


def _feature_suppression() -> Iterator[TransformSpec]:
    yield TransformSpec(
        "patch-rotate",
        "shapebias.transforms.patch_rotate:PatchRotate",
        summary="turn each tile of a k x k grid by a random multiple of 90 degrees",
        references=_BURGERT,
        destroys="shape",
        moves_pixels=True,
    )
    yield TransformSpec(
        "bilateral",
        "shapebias.transforms.bilateral:Bilateral",
        summary="average neighbours of like colour: texture goes, edges stay",
        references=("Tomasi & Manduchi 1998, Bilateral filtering for gray and color images", _BURGERT),
        destroys="texture",
    )
    yield TransformSpec(
        "non-local-means",
        "shapebias.transforms.non_local_means:NonLocalMeans",
        summary="average pixels whose surroundings look alike: texture goes, edges stay",
        references=("Buades, Coll & Morel 2005, A non-local algorithm for image denoising", _BURGERT),
        destroys="texture",
    )
    yield TransformSpec(
        "channel-shuffle",
        "shapebias.transforms.channel_shuffle:ChannelShuffle",
        summary="permute red, green and blue",
        references=_BURGERT,
        destroys="colour",
    )
    yield TransformSpec(
        "critical-band-noise",
        "shapebias.transforms.critical_band_noise:CriticalBandNoise",
        summary="grey, low contrast, and noise of one octave of spatial frequencies",
        references=(
            "Subramanian et al. 2023, Spatial-frequency channels, shape bias, and adversarial robustness, section 3",
            "Burt & Adelson 1983, The Laplacian pyramid as a compact image code",
        ),
        destroys="colour",
    )
