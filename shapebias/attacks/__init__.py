"""The built-in attacks: only the hook implementations; each algorithm has its own file beside this one."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugins.hookspecs import hookimpl
from shapebias.plugins.specs import AttackSpec

__all__ = ["shapebias_attacks"]


@hookimpl
def shapebias_attacks() -> Iterator[AttackSpec]:
    """Yield the attacks for adversarial training and evaluation, and random noise to compare them with."""
    yield AttackSpec(
        "pgd",
        "shapebias.attacks.pgd:Pgd",
        summary="projected gradient descent: many small steps of ascent on the loss, each projected into the ball",
        references="Madry et al. 2018, Towards deep learning models resistant to adversarial attacks",
        norms=("linf", "l2"),
    )
    yield AttackSpec(
        "fgsm",
        "shapebias.attacks.fgsm:Fgsm",
        summary="fast gradient method: one step of ascent on the loss, to the surface of the ball",
        references="Goodfellow et al. 2015, Explaining and harnessing adversarial examples, section 4",
        norms=("linf", "l2"),
    )
    yield AttackSpec(
        "n-fgsm",
        "shapebias.attacks.n_fgsm:NFgsm",
        summary="noise, then one step without a projection: for fast adversarial training, not for evaluation",
        references="de Jorge et al. 2022, Make some noise: reliable and efficient single-step adversarial training",
        norms=("linf",),
    )
    yield AttackSpec(
        "spatial",
        "shapebias.attacks.spatial:Spatial",
        summary="smooth flow: each pixel takes the colour of a point up to eps pixels away",
        references="Xiao et al. 2018, Spatially transformed adversarial examples",
        norms=("displacement",),
    )
    yield AttackSpec(
        "uniform-noise",
        "shapebias.attacks.uniform_noise:UniformNoise",
        summary="noise that is uniform in the ball: what a perturbation of that size does by chance",
        references="Fawzi et al. 2016, Robustness of classifiers: from adversarial to random noise",
        norms=("linf", "l2"),
    )
    yield AttackSpec(
        "gaussian-noise",
        "shapebias.attacks.gaussian_noise:GaussianNoise",
        summary="Gaussian noise in the ball: what a perturbation of that size does by chance",
        references="Fawzi et al. 2016, Robustness of classifiers: from adversarial to random noise",
        norms=("linf", "l2"),
    )
