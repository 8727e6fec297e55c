"""``autoattack``: the standard ensemble."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.plugin import Classifier, ImageRandom, Norm, ascending, check_eps, param
from shapebias_autoattack.apgd import Apgd
from shapebias_autoattack.fab import Fab
from shapebias_autoattack.parts import begin, in_order
from shapebias_autoattack.square import Square

__all__ = ["AutoAttack"]


@attrs.frozen
class AutoAttack:
    """Attack with APGD on the cross-entropy, APGD-T on the targeted DLR, FAB-T and Square, each on what still stands.

    APGD and Square adapt to the model without anything to tune, FAB minimises the distance instead of raising a loss,
    and Square needs no gradient, so that one of them notices where another is led astray.

    With fewer than ten classes there are as many targets as there are other classes.  With fewer than four the targeted
    DLR, a ratio to the third and fourth score, is not defined; APGD-T then raises the score of the target above the
    label's, without the ratio.  Where classes are grouped, scores are log mean probabilities; the DLR is of these.

    Several eps give one more leading axis, in ascending order; an image that fell at one stays fallen at the next.  FAB
    finds distances, so that it is run once for all of them.  One that stands is left as it is.

    Source: Croce & Hein 2020, Reliable evaluation of adversarial robustness, section 5, with the numbers of steps,
    targets and queries of its standard version.
    """

    eps: tuple[float, ...] = param(
        "radius of the ball, one or several", default=8 / 255, ge=0, unit="pixel value", converter=ascending
    )
    norm: Norm = param("ball: every pixel value alone, or the whole perturbation's length", default="linf")
    steps: int = param("steps of APGD and of FAB, each target", default=100, ge=1)
    targets: int = param("classes that APGD-T and FAB try, best first", default=9, ge=1)
    queries: int = param("images that Square tries of each", default=5000, ge=1)

    def __attrs_post_init__(self) -> None:
        check_eps("autoattack", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, scores = begin(model, images, labels)
        apgd = Apgd(self.eps, self.norm, steps=self.steps, targets=self.targets)
        apgd_t = attrs.evolve(apgd, objective="targeted-dlr" if scores.shape[1] >= 4 else "targeted-margin")
        fab = Fab(self.eps, self.norm, steps=self.steps, targets=self.targets)
        square = Square(self.eps, self.norm, queries=self.queries)
        parts = [
            *apgd.parts(search, scores, rng),
            *apgd_t.parts(search, scores, rng),
            fab.part(search, scores, rng, nearest=False),
            *square.parts(search, rng),
        ]
        return in_order(search, self.eps, parts)
