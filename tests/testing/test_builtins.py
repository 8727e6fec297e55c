"""Every built-in passes the kit that third parties use; exceptions are listed with their reasons."""

from __future__ import annotations

from shapebias.testing import conformance

EXAMPLES = [
    "cnn:num_classes=4,width=4",
    "fgsm",
    "humans:sets=sketch",
    "n-fgsm",
    "integrated-gradients:steps=5",
    "paper:stimuli",
    "pgd:eps=1/255,4/255,steps=3",
    "pgd:norm=l2,eps=0.5,steps=3",
    "resnet-cifar:num_classes=4",
    "rise:samples=20",
    "smoothgrad:samples=7",
    "stimuli:images=56,size=32",
]

EXPECTED = {
    "model probe has defaults where they make sense": "neither its network nor its training set can be guessed",
    "dataset refined-bias has defaults where they make sense": "its folder cannot be guessed",
    **{
        f"suite {suite} {rule}": "ids of its stimuli say what they are; tests/profiling has such ids"
        for suite in ("critical-band", "configural")
        for rule in ("has a headline row for each model", "its published values belong to its measures")
    },
    "attack n-fgsm stays in its ball": "by its definition not clipped: noise of twice eps, and a step of eps",
    "attack uniform-noise does not make the model surer": "a control that does not look at the model, so it is chance",
    **{
        f"saliency {control} depends on the {what}": "a control that does not look at the model"
        for control in ("random", "edge-detector")
        for what in ("target", "weights")
    },
}

# The weights of stylize are downloaded; tests/transforms/test_stylize.py tries it with small ones.
test_conformance = conformance("shapebias", EXAMPLES, EXPECTED, without=["stylize"])
