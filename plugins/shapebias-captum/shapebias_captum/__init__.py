"""Captum's attributions for images: their names and sources."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import SaliencySpec, hookimpl

__all__ = ["shapebias_saliency"]

_SHAP = "Lundberg & Lee 2017, A unified approach to interpreting model predictions"
_METHODS = {
    "captum-deconvolution": (
        "modified_backprop:Deconvolution",
        "the gradient, with negative values set to zero at every ReLU, whatever its input",
        "Zeiler & Fergus 2014, Visualizing and understanding convolutional networks",
    ),
    "captum-deep-lift": (
        "modified_backprop:DeepLift",
        "the difference from a baseline, propagated back layer by layer",
        "Shrikumar et al. 2017, Learning important features through propagating activation differences",
    ),
    "captum-lrp": (
        "modified_backprop:Lrp",
        "the relevance of the answer, propagated back layer by layer",
        "Bach et al. 2015, On pixel-wise explanations by layer-wise relevance propagation",
    ),
    "captum-gradient-shap": (
        "stochastic:GradientShap",
        "gradients between baselines and noisy copies of the image",
        _SHAP,
    ),
    "captum-var-grad": (
        "stochastic:VarGrad",
        "variance of the gradient over noisy copies of the image",
        "Adebayo et al. 2018, Local explanation methods for deep neural networks lack sensitivity to parameter values",
    ),
    "captum-feature-ablation": (
        "perturbation:FeatureAblation",
        "the objective without each cell of a grid",
        "Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, section 4.2",
    ),
    "captum-shapley-sampling": (
        "perturbation:ShapleySampling",
        "Shapley values of the cells of a grid, by random orders",
        "Castro et al. 2009, Polynomial calculation of the Shapley value based on sampling",
    ),
    "captum-kernel-shap": (
        "perturbation:KernelShap",
        "Shapley values of the cells of a grid, by a weighted regression",
        _SHAP,
    ),
    "captum-lime": (
        "perturbation:Lime",
        "coefficients of a sparse linear model of the cells of a grid",
        "Ribeiro et al. 2016, Why should I trust you? Explaining the predictions of any classifier",
    ),
}
_LAYERS = {
    "captum-guided-grad-cam": (
        "layers:GuidedGradCam",
        "guided backpropagation times Grad-CAM of the feature layer",
        "Selvaraju et al. 2017, Grad-CAM, section 3.2",
    ),
    "captum-layer-conductance": (
        "layers:LayerConductance",
        "integrated gradients through the feature layer",
        "Dhamdhere et al. 2018, How important is a neuron?",
    ),
    "captum-internal-influence": (
        "layers:InternalInfluence",
        "gradient at the feature layer, averaged on the line from a baseline",
        "Leino et al. 2018, Influence-directed explanations for deep convolutional networks",
    ),
    "captum-layer-gradient-x-activation": (
        "layers:LayerGradientXActivation",
        "gradient at the feature layer times its activation",
        "Shrikumar et al. 2016, Not just a black box, applied to a layer",
    ),
}


@hookimpl
def shapebias_saliency() -> Iterator[SaliencySpec]:
    """Yield the methods; those of layers need the feature layer that the model declares."""
    for methods, needs_features in ((_METHODS, False), (_LAYERS, True)):
        for name, (target, summary, reference) in methods.items():
            yield SaliencySpec(
                name,
                f"shapebias_captum.{target}",
                summary=summary,
                references=reference,
                needs_features=needs_features,
            )
