"""Foolbox's attacks: their names and sources."""

from __future__ import annotations

from collections.abc import Iterator

from shapebias.plugin import AttackSpec, hookimpl

__all__ = ["shapebias_attacks"]

_MADRY = "Madry et al. 2018, Towards deep learning models resistant to adversarial attacks"
_BOTH, _ALL = ("linf", "l2"), ("linf", "l2", "l1")
_ATTACKS = {
    "foolbox-pgd": ("fixed_epsilon:Pgd", _BOTH, "projected gradient descent, evaluated at its last step", _MADRY),
    "foolbox-adam-pgd": (
        "fixed_epsilon:AdamPgd",
        _BOTH,
        "projected gradient descent with the steps of Adam",
        ("Kingma & Ba 2015, Adam: a method for stochastic optimization", _MADRY),
    ),
    "foolbox-mi-fgsm": (
        "fixed_epsilon:MiFgsm",
        _BOTH,
        "steps along the running sum of the gradients",
        "Dong et al. 2018, Boosting adversarial attacks with momentum",
    ),
    "foolbox-sparse-l1-descent": (
        "fixed_epsilon:SparseL1Descent",
        ("l1",),
        "steps that change few pixel values",
        "Tramer & Boneh 2019, Adversarial training and robustness for multiple perturbations",
    ),
    "foolbox-deep-fool": (
        "minimum_norm:DeepFool",
        _BOTH,
        "steps to the nearest boundary of the linearised network",
        "Moosavi-Dezfooli et al. 2016, DeepFool: a simple and accurate method to fool deep neural networks",
    ),
    "foolbox-carlini-wagner": (
        "minimum_norm:CarliniWagner",
        ("l2",),
        "smallest change, by gradient descent on length and margin",
        "Carlini & Wagner 2017, Towards evaluating the robustness of neural networks",
    ),
    "foolbox-ddn": (
        "minimum_norm:Ddn",
        ("l2",),
        "smallest change, in a ball that shrinks and grows",
        "Rony et al. 2019, Decoupling direction and norm for efficient gradient-based l2 adversarial attacks",
    ),
    "foolbox-ead": (
        "minimum_norm:Ead",
        ("l1",),
        "a change of few pixel values, by gradient descent on an elastic net",
        "Chen et al. 2018, EAD: elastic-net attacks to deep neural networks via adversarial examples",
    ),
    "foolbox-fmn": (
        "minimum_norm:Fmn",
        _ALL,
        "smallest change, in a ball as large as the distance to the boundary",
        "Pintor et al. 2021, Fast minimum-norm adversarial attacks through adaptive norm constraints",
    ),
    "foolbox-brendel-bethge": (
        "boundary_attacks:BrendelBethge",
        _ALL,
        "along the boundary by its gradient, towards the image; needs Numba",
        "Brendel et al. 2019, Accurate, reliable and fast robustness evaluation",
    ),
    "foolbox-boundary": (
        "boundary_attacks:Boundary",
        ("l2",),
        "along the boundary by random steps, towards the image; needs only decisions",
        "Brendel et al. 2018, Decision-based adversarial attacks",
    ),
    "foolbox-hop-skip-jump": (
        "boundary_attacks:HopSkipJump",
        _BOTH,
        "along the boundary by its estimated normal, towards the image; needs only decisions",
        "Chen, Jordan & Wainwright 2020, HopSkipJumpAttack: a query-efficient decision-based attack",
    ),
    "foolbox-contrast-reduction": (
        "corruptions:ContrastReduction",
        _BOTH,
        "less and less contrast; needs only decisions",
        "Rauber et al. 2020, Foolbox Native",
    ),
    "foolbox-blur": (
        "corruptions:Blur",
        _BOTH,
        "wider and wider Gaussian blur; needs only decisions",
        "Rauber et al. 2020, Foolbox Native",
    ),
    "foolbox-salt-and-pepper": (
        "corruptions:SaltAndPepper",
        ("l2",),
        "more and more black and white pixels; needs only decisions",
        "Rauber et al. 2020, Foolbox Native",
    ),
    "foolbox-spatial": (
        "spatial:Spatial",
        (),
        "first rotation and shift of a grid that fools the model; needs only decisions",
        "Engstrom et al. 2019, Exploring the landscape of spatial robustness",
    ),
}


@hookimpl
def shapebias_attacks() -> Iterator[AttackSpec]:
    """Yield the attacks, each with the norms that its eps can be measured in."""
    for name, (target, norms, summary, references) in _ATTACKS.items():
        yield AttackSpec(name, f"shapebias_foolbox.{target}", summary=summary, references=references, norms=norms)
