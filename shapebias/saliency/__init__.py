"""The built-in saliency methods: only the hook implementations; each algorithm has its own file beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import SaliencySpec

__all__ = ["shapebias_saliency"]


@hookimpl
def shapebias_saliency() -> Iterator[SaliencySpec]:
    """Yield the methods and controls; docs/saliency.md defines each."""
    yield SaliencySpec(
        "gradient",
        "shapebias.saliency.gradient:Gradient",
        summary="gradient of the objective with respect to the pixels",
        references="Simonyan et al. 2014, Deep inside convolutional networks, section 3",
    )
    yield SaliencySpec(
        "smoothgrad",
        "shapebias.saliency.smoothgrad:SmoothGrad",
        summary="mean gradient over noisy copies of the image",
        references=(
            "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise",
            "Hooker et al. 2019, A benchmark for interpretability methods in deep neural networks",
        ),
    )
    yield SaliencySpec(
        "input-x-gradient",
        "shapebias.saliency.input_x_gradient:InputXGradient",
        summary="each pixel times the gradient there",
        references="Shrikumar et al. 2016, Not just a black box",
    )
    yield SaliencySpec(
        "integrated-gradients",
        "shapebias.saliency.integrated_gradients:IntegratedGradients",
        summary="gradient along the line from a baseline to the image; sums to the change of the objective",
        references="Sundararajan et al. 2017, Axiomatic attribution for deep networks",
    )
    yield SaliencySpec(
        "guided-backprop",
        "shapebias.saliency.guided_backprop:GuidedBackprop",
        summary="gradient that passes ReLUs only where it is positive",
        references="Springenberg et al. 2015, Striving for simplicity: the all convolutional net, section 3.4",
    )
    yield SaliencySpec(
        "grad-cam",
        "shapebias.saliency.grad_cam:GradCam",
        summary="the feature layer's channels, weighted by their mean gradient",
        references="Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks",
        needs_features=True,
    )
    yield SaliencySpec(
        "occlusion",
        "shapebias.saliency.occlusion:Occlusion",
        summary="drop of the objective when a window is covered",
        references="Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, section 4.2",
    )
    yield SaliencySpec(
        "rise",
        "shapebias.saliency.rise:Rise",
        summary="objective under random masks, averaged where they leave a pixel visible",
        references="Petsiuk et al. 2018, RISE: randomized input sampling for explanation of black-box models",
    )
    yield SaliencySpec(
        "random",
        "shapebias.saliency.random:Random",
        summary="a control: a map of noise",
        references="Hooker et al. 2019, A benchmark for interpretability methods in deep neural networks",
    )
    yield SaliencySpec(
        "edge-detector",
        "shapebias.saliency.edge_detector:EdgeDetector",
        summary="a control: where brightness changes, independent of the model",
        references="Adebayo et al. 2018, Sanity checks for saliency maps",
    )
