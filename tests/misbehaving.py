"""A plugin that misbehaves on purpose, as one file: the fixture ``plugins`` makes it known."""

import attrs
import torch

import shapebias as sb
from shapebias import plugin


@attrs.frozen
class Raises:
    def __call__(self, images, rng):
        raise ZeroDivisionError("on purpose")


@attrs.frozen
class Smaller:
    def __call__(self, images, rng):
        return images[..., 1:]


@attrs.frozen
class Leaves:
    def __call__(self, images, rng):
        return images + 2


@attrs.frozen
class Masked:
    """Paint the background black."""

    def __call__(self, images, rng, mask):
        return images * mask[:, None]


@attrs.frozen
class Partner:
    def __call__(self, images, rng, partner):
        return partner


@attrs.frozen
class Relabel:
    """Say that the texture is now class 3."""

    def __call__(self, images, rng):
        return plugin.Transformed(images, texture=torch.full((len(images),), 3, device=images.device))


@attrs.frozen
class NanModel:
    def load(self, device):
        return sb.Classifier(Nan(), classes=None)


class Nan(torch.nn.Module):
    def forward(self, images):
        return torch.full((len(images), 8), float("nan"))


@attrs.frozen
class FlatMaps:
    def __call__(self, model, images, targets, rng):
        return images.sum(dim=(1, 2, 3))


@attrs.frozen
class TargetMaps:
    """Maps that are the target class everywhere."""

    target: str = plugin.param("what is explained", default="label")

    def __call__(self, model, images, targets, rng):
        maps = targets.view(-1, 1, 1).expand(-1, *images.shape[-2:]).float()
        return plugin.Attributed(maps, {"brightness": images.mean(dim=(1, 2, 3))})


@attrs.frozen
class LitMaps:
    """Maps that are the picture's brightness, plus the target class, plus noise."""

    def __call__(self, model, images, targets, rng):
        noise = rng.normal("noise", 0, images.shape[-2:])
        return images.mean(dim=1) + targets.view(-1, 1, 1) + 0.1 * noise


@attrs.frozen
class MapMean:
    def __call__(self, model, images, targets, maps, rng):
        return {"mean": maps.mean(dim=(1, 2))}


@attrs.frozen
class Elsewhere:
    """What the method says of other pixels, and of another class."""

    def __call__(self, model, images, targets, maps, rng, *, explain):
        asked = {
            "same": explain(model),
            "dark": explain(model, images=images / 2),
            "next": explain(model, targets=targets + 1),
        }
        return {name: (found - maps).mean(dim=(1, 2)) for name, found in asked.items()}


@attrs.frozen
class Brightness:
    def __call__(self, model, images, targets, maps, rng):
        assert maps is None
        return {"mean": images.mean(dim=(1, 2, 3))}


@attrs.frozen
class Add:
    """Add eps to every pixel."""

    eps: tuple[float, ...] = plugin.param("added", default=(0.1,), converter=plugin.numbers)

    def __call__(self, model, images, labels, rng):
        views = [(images + eps).clamp(0, 1) for eps in self.eps]
        return torch.stack(views) if len(views) > 1 else views[0]


@plugin.hookimpl
def shapebias_transforms():
    for name, target in {"raises": Raises, "smaller": Smaller, "leaves": Leaves, "relabel": Relabel}.items():
        yield plugin.TransformSpec(name, target)
    yield plugin.TransformSpec("masked", Masked, needs="mask")
    yield plugin.TransformSpec("partner", Partner, needs="partner")


@plugin.hookimpl
def shapebias_attacks():
    yield plugin.AttackSpec("add", Add)


@plugin.hookimpl
def shapebias_models():
    yield plugin.ModelSpec("nan", NanModel)


@plugin.hookimpl
def shapebias_saliency():
    yield plugin.SaliencySpec("flat-maps", FlatMaps)
    yield plugin.SaliencySpec("target-maps", TargetMaps)
    yield plugin.SaliencySpec("lit-maps", LitMaps)
    yield plugin.SaliencySpec("feature-maps", TargetMaps, needs_features=True)


@plugin.hookimpl
def shapebias_probes():
    yield plugin.ProbeSpec("map-mean", MapMean, needs_maps=True)
    yield plugin.ProbeSpec("image-brightness", Brightness)
    yield plugin.ProbeSpec("elsewhere", Elsewhere, needs_maps=True, needs_method=True)
