"""``autoattack``: the standard ensemble."""

from __future__ import annotations

import attrs
from torch import Tensor

from shapebias.plugin import (
    AttackedImages,
    Classifier,
    ImageRandom,
    Norm,
    check_eps,
    eps_param,
    norm_param,
    param,
)
from shapebias_autoattack.apgd import Apgd
from shapebias_autoattack.ensemble import misclassification_search, run_in_order
from shapebias_autoattack.fab import Fab
from shapebias_autoattack.square import Square

__all__ = ["AutoAttack"]


@attrs.frozen
class AutoAttack:
    """Attack with APGD on the cross-entropy, APGD-T on the targeted DLR, FAB-T and Square, one after the other.

    Each attacks the images that are still classified correctly.  None needs tuning; FAB minimises the distance instead
    of maximising a loss, and Square needs no gradient, so that one can succeed where the others fail.

    With fewer than ten classes there are as many targets as there are other classes.  With fewer than four the targeted
    DLR, which needs the third and fourth score, is not defined; APGD-T then maximises the score of the target minus the
    label's, without the ratio.  If classes are grouped, scores are log mean probabilities, and the DLR uses these.

    Several eps add a leading axis, in ascending order; adversarial examples found at a smaller eps are kept.
    FAB minimises distances, so it runs once for all eps.  An image for which no attack succeeds is returned unchanged.

    Source: Croce & Hein 2020, Reliable evaluation of adversarial robustness, section 5, with the numbers of steps,
    targets and queries of its standard version.
    """

    eps: tuple[float, ...] = eps_param()
    norm: Norm = norm_param()
    steps: int = param("steps of APGD and of FAB, for each target", default=100, ge=1)
    targets: int = param("classes that APGD-T and FAB try, most likely first", default=9, ge=1)
    queries: int = param("images that Square evaluates for each image", default=5000, ge=1)

    def __attrs_post_init__(self) -> None:
        check_eps("autoattack", self.eps, self.norm)

    def __call__(self, model: Classifier, images: Tensor, labels: Tensor, rng: ImageRandom) -> Tensor | AttackedImages:
        """Return (N, 3, H, W) images in the ball and in [0, 1]; (E, N, 3, H, W) for several eps."""
        search, scores = misclassification_search(model, images, labels, rng)
        apgd = Apgd(self.eps, self.norm, steps=self.steps, targets=self.targets)
        apgd_t = attrs.evolve(apgd, objective="targeted-dlr" if scores.shape[1] >= 4 else "targeted-margin")
        fab = Fab(self.eps, self.norm, steps=self.steps, targets=self.targets)
        square = Square(self.eps, self.norm, queries=self.queries)
        attempts = [
            *apgd.attempts(search, scores),
            *apgd_t.attempts(search, scores),
            fab.attempt(search, scores, rng, nearest=False),
            *square.attempts(),
        ]
        return run_in_order(search, self.eps, attempts)
