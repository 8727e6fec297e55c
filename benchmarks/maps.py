"""How much time do maps take?  Integrated gradients, Grad-CAM and occlusion against Captum and pytorch-grad-cam.

MobileNetV2 at 224 pixels, log-probability of the label, black baseline; integrated gradients with 50 steps and their
completeness error, windows of 56 pixels every 28.  All have as many copies in a pass.  Checked first: integrated
gradients in float64 differ by less than 1e-6 of their norm (in float32 another order of the same sums moves units
across the kinks of their ReLUs), maps of occlusion by less than 1e-4, and those of Grad-CAM at each pixel by less than
1e-4 of the largest value, where Captum's are enlarged as ours are, and ours are scaled to [0, 1] as pytorch-grad-cam's.
*error* is how far the attributions of an image are from adding up to the difference of its log-probability, the mean
over the images.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import captum.attr
import pytorch_grad_cam
import torch
from side_by_side import (
    MOBILENET,
    PHOTOS,
    arguments,
    as_batch,
    check_close,
    in_float64,
    load_model,
    load_samples,
    show,
    take_turns,
)
from torch import Tensor, nn
from torch.nn import functional

from shapebias.engine.batch_size import usual_chunk
from shapebias.plugin import Classifier
from shapebias.saliency.grad_cam import GradCam
from shapebias.saliency.integrated_gradients import IntegratedGradients
from shapebias.saliency.occlusion import Occlusion

WINDOW, STRIDE = 56, 28


class LogProbabilities(nn.Module):
    """What the peers explain."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model, self.network = model, model.module

    def forward(self, pixels: Tensor) -> Tensor:
        """Return log-probabilities of pixels."""
        return self.model(pixels).log_softmax(dim=1)


def integrated(model: Classifier, images: Tensor, labels: Tensor, steps: int, rounds: int) -> None:
    """Compare integrated gradients."""
    network, method = LogProbabilities(model), IntegratedGradients(steps=steps, reduce="signed-sum")
    theirs = captum.attr.IntegratedGradients(network)
    options = {"target": labels, "n_steps": steps, "method": "gausslegendre", "internal_batch_size": model.chunk}
    options["return_convergence_delta"] = True
    calls: dict[str, Callable[..., Tensor]] = {
        "shapebias integrated-gradients": lambda pixels=images: method(model, pixels, labels, None).maps,
        "Captum IntegratedGradients": lambda pixels=images: theirs.attribute(pixels, **options)[0].detach().sum(dim=1),
    }
    with in_float64(model):
        check_close(*(call(images.double()) for call in calls.values()), 1e-6)
    with torch.no_grad():
        of_label = torch.arange(len(images)), labels
        wanted = network(images)[of_label] - network(torch.zeros_like(images))[of_label]
    maps = {name: call() for name, call in calls.items()}
    notes = {name: f"error {float((each.sum(dim=(1, 2)) - wanted).abs().mean()):.3f}" for name, each in maps.items()}
    show(f"integrated gradients, {steps} steps", take_turns(calls, rounds, images.device), notes)


def grad_cam(model: Classifier, images: Tensor, labels: Tensor, rounds: int) -> None:
    """Compare Grad-CAM."""
    network, layer = LogProbabilities(model), model.feature_layer("grad-cam").module
    pixels = images.clone().requires_grad_()  # pytorch-grad-cam differentiates down to the pixels
    of_captum = captum.attr.LayerGradCam(network, layer)
    of_pgc = pytorch_grad_cam.GradCAM(network, [layer])
    targets = [pytorch_grad_cam.utils.model_targets.ClassifierOutputTarget(int(label)) for label in labels]

    def captums() -> Tensor:
        coarse = of_captum.attribute(images, target=labels, relu_attributions=True)
        return functional.interpolate(coarse.detach(), images.shape[2:], mode="bilinear").squeeze(1)

    calls: dict[str, Callable[[], Tensor]] = {
        "shapebias grad-cam": lambda: GradCam()(model, images, labels, None),
        "Captum LayerGradCam": captums,
        "pytorch-grad-cam": lambda: torch.from_numpy(of_pgc(pixels, targets)),
    }
    ours, peer, scaled = (call() for call in calls.values())
    highest = ours.amax(dim=(1, 2), keepdim=True)
    assert (highest > 0).all()
    torch.testing.assert_close(ours / highest, peer / highest, rtol=0, atol=1e-4)
    lowest = ours.amin(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(((ours - lowest) / (highest - lowest)).cpu(), scaled, rtol=0, atol=1e-4)
    show("Grad-CAM", take_turns(calls, rounds, images.device))


def occlusion(model: Classifier, images: Tensor, labels: Tensor, rounds: int) -> None:
    """Compare occlusion."""
    theirs, method = captum.attr.Occlusion(LogProbabilities(model)), Occlusion(WINDOW, STRIDE, baseline="zero")
    options = {"sliding_window_shapes": (3, WINDOW, WINDOW), "strides": (3, STRIDE, STRIDE), "target": labels}
    together = max(model.chunk // len(images), 1)
    calls: dict[str, Callable[[], Tensor]] = {
        "shapebias occlusion": lambda: method(model, images, labels, None),
        "Captum Occlusion": lambda: theirs.attribute(images, perturbations_per_eval=together, **options)[:, 0],
    }
    ours, peer = (call() for call in calls.values())
    check_close(ours, peer.float(), 1e-4)
    show("occlusion", take_turns(calls, rounds, images.device))


def main() -> None:
    """Check and time the three methods."""
    options = arguments(__doc__, images=8, steps=50, rounds=3)
    model = load_model(MOBILENET, options.device)
    images, labels, _ = as_batch(load_samples(PHOTOS, options.images), options.device)
    model = attrs.evolve(model, chunk=usual_chunk(images[0, 0].numel(), options.device))
    with model.evaluating():
        integrated(model, images, labels, options.steps, options.rounds)
        grad_cam(model, images, labels, options.rounds)
        occlusion(model, images, labels, options.rounds)


if __name__ == "__main__":
    main()
