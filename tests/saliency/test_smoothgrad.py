"""SmoothGrad against a loop over samples, its limits, and independence of batch and chunk."""

from __future__ import annotations

import attrs
import captum.attr
import pytest
import torch
from torch import nn

from shapebias.networks.classifier import Classifier
from shapebias.networks.objectives import pixel_gradient
from shapebias.rng import ImageRandom
from shapebias.saliency.gradient import Gradient
from shapebias.saliency.smoothgrad import SmoothGrad


def sample_by_sample(model, images, targets, rng, *, samples, spread, square):
    """Smilkov et al. 2017, equation of section 2: one image, one sample at a time."""
    maps = []
    for row in range(len(images)):
        gradients = []
        for sample in range(samples):
            noise = spread * rng[[row]].normal("noise", sample, images.shape[1:])
            pixels = (images[[row]] + noise).requires_grad_()
            loss = nn.functional.cross_entropy(model(pixels), targets[[row]])
            (gradient,) = torch.autograd.grad(loss, pixels)
            gradients.append(gradient[0] ** 2 if square else gradient[0])
        maps.append(torch.stack(gradients).mean(dim=0).abs().sum(dim=0))
    return torch.stack(maps)


@pytest.mark.parametrize("square", [False, True])
def test_agrees_with_a_loop_over_samples(small, batch, square):
    images, targets, _, rng = batch
    method = SmoothGrad(samples=7, spread=0.2, square=square)
    wanted = sample_by_sample(small, images, targets, rng, samples=7, spread=0.2, square=square)
    assert torch.allclose(method(small, images, targets, rng), wanted, rtol=1e-5, atol=1e-8)


def test_agrees_with_captum_on_the_same_noise(small, batch, monkeypatch):
    """Captum draws all noise of a batch at once, sample by sample of each image: here it gets ours."""
    images, targets, _, rng = batch
    noise = rng.normal("noise", range(6), images.shape[1:]).flatten(0, 1)
    monkeypatch.setattr(torch, "normal", lambda _mean, deviation: deviation * noise)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(small))
    for square, kind in ((False, "smoothgrad"), (True, "smoothgrad_sq")):
        options = {"nt_type": kind, "nt_samples": 6, "stdevs": 0.3, "abs": False}
        theirs = tunnel.attribute(images, target=targets, **options).sum(dim=1)
        method = SmoothGrad(samples=6, spread=0.3, square=square, objective="logit", reduce="signed-sum")
        assert torch.allclose(method(small, images, targets, rng), theirs, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("chunk", [1, 2, 4, 16, 1000])
def test_the_chunk_does_not_change_the_map(small, batch, chunk):
    images, targets, _, rng = batch
    method = SmoothGrad(samples=9)
    maps = method(attrs.evolve(small, chunk=chunk), images, targets, rng)
    assert torch.allclose(maps, method(small, images, targets, rng), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("count", [1, 5])
def test_no_more_than_a_chunk_of_noisy_copies_exists_at_a_time(small, batch, count):
    images, targets, _, rng = batch
    sizes = []
    hook = small.module.register_forward_hook(lambda _module, inputs, _output: sizes.append(len(inputs[0])))
    try:
        SmoothGrad(samples=10)(small, images[:count], targets[:count], rng[:count])
    finally:
        hook.remove()
    assert max(sizes) <= small.chunk
    assert sum(sizes) == 10 * count


def test_an_image_has_the_same_map_alone_and_in_a_batch(small, batch):
    images, targets, ids, rng = batch
    together = SmoothGrad(samples=5)(small, images, targets, rng)
    for row, name in enumerate(ids):
        alone = ImageRandom.for_images(0, "smoothgrad", 0, [name])
        only = SmoothGrad(samples=5)(small, images[[row]], targets[[row]], alone)
        assert torch.allclose(only[0], together[row], rtol=1e-5, atol=1e-9)
    assert (together[0] - together[4]).abs().max() > 1e-3


def test_without_noise_it_is_the_gradient(small, batch):
    images, targets, _, rng = batch
    assert torch.allclose(
        SmoothGrad(samples=3, spread=0)(small, images, targets, rng), Gradient()(small, images, targets, rng), rtol=1e-6
    )


def test_noise_is_in_pixel_units_and_not_clipped():
    """Of the score w v^2 / 2 the gradient is w v, and of noisy v the mean of squares is w^2 (v^2 + spread^2)."""

    class Square(nn.Module):
        def forward(self, images):
            return images.square().sum(dim=(1, 2, 3)).div(2)[:, None]

    model = Classifier(Square(), mean=(0.0,) * 3, std=(1.0,) * 3)
    images = torch.zeros(1, 3, 40, 40)
    method = SmoothGrad(samples=200, spread=0.5, square=True, objective="logit")
    maps = method(model, images, torch.tensor([0]), ImageRandom.for_images(0, "smoothgrad", 0, ["a"]))
    assert maps.mean() == pytest.approx(3 * 0.25, rel=0.01)


def test_depends_on_the_target_and_on_the_seed(small, batch):
    images, targets, ids, rng = batch
    maps = SmoothGrad(samples=4)(small, images, targets, rng)
    others = SmoothGrad(samples=4)(small, images, (targets + 1) % 4, rng)
    assert ((maps - others).abs().amax(dim=(1, 2)) > 1e-6).all()
    seeded = SmoothGrad(samples=4)(small, images, targets, ImageRandom.for_images(1, "smoothgrad", 0, ids))
    assert (maps - seeded).abs().max() > 1e-6
    assert maps.shape == (5, 6, 8)


def test_more_samples_lower_the_variance(small, batch):
    """The spread of the mean over seeds falls with the square root of the samples: 16 times as many, a quarter."""
    images, targets, ids, _ = batch
    model = attrs.evolve(small, chunk=320)

    def deviation(samples):
        maps = [
            SmoothGrad(samples=samples, reduce="signed-sum")(
                model, images, targets, ImageRandom.for_images(seed, "smoothgrad", 0, ids)
            )
            for seed in range(24)
        ]
        return torch.stack(maps).std(dim=0).mean()

    assert float(deviation(4) / deviation(64)) == pytest.approx(4, rel=0.2)


def test_leaves_model_and_global_random_state_alone(small, batch):
    images, targets, _, rng = batch
    before, state = images.clone(), torch.random.get_rng_state()
    maps = SmoothGrad(samples=3)(small, images, targets, rng)
    assert not maps.requires_grad
    assert torch.equal(images, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in small.module.parameters())
    gradient, _ = pixel_gradient(small, images, targets)
    assert torch.allclose(gradient.abs().sum(dim=1), Gradient()(small, images, targets, rng))
