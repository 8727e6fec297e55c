"""Compare the shape bias of published networks, computed here, with the published values.

    python examples/references.py [--only WORD] [--output references.h5]

The weights and the stimuli are downloaded: a few gigabytes.  The published values are in ``shapebias list references``.
CLIP's value was published for other class names, so it comes last and may differ by more than the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import attrs
import pandas as pd

import shapebias as sb
from shapebias.plugin import references

_PAPER, _VISION_LANGUAGE = "Gavrikov & Keuper 2024", "Gavrikov et al. 2025"
_L2, _LINF = ("0", "0.25", "0.5", "1", "3", "5"), ("0.5", "1.0", "2.0", "4.0", "8.0")
_ROBUST = [*(f"l2_eps{eps}" for eps in _L2), *(f"linf_eps{eps}" for eps in _LINF)]


@attrs.frozen
class Published:
    """One network.

    Args:
        spelled: its spelling here.
        model, paper: its names in the table of published values.
    """

    spelled: str
    model: str
    paper: str = _PAPER


NETWORKS = [
    Published("torchvision:resnet50,weights=IMAGENET1K_V1", "tv_resnet50"),
    *(Published(f"robust:resnet50_{name}", f"robust_resnet50_{name}") for name in _ROBUST),
    Published("sin:resnet50", "resnet50_trained_on_SIN"),
    Published(
        "open-clip:ViT-L-14,pretrained=openai,templates=imagenet", "CLIP ViT-L/14 (80 templates)", _VISION_LANGUAGE
    ),
]


def published_values() -> dict[tuple[str, str], float]:
    """Return the published shape biases on the cue-conflict stimuli, by model and paper."""
    found = references("shape-bias")
    return {(each.model, each.paper): each.value for each in found if each.dataset == "cue-conflict"}


def compare(
    networks: Sequence[Published], dataset: str, output: str, stand_ins: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Compute the shape bias of each network and put the published one beside it.

    Args:
        networks: what to compute.
        dataset: the stimuli.
        output: the results file; cells that it has are not computed again.
        stand_ins: networks to use instead of those that cannot be downloaded, by their spelling, to test this script.
    """
    values = published_values()
    models = {each.model: (stand_ins or {}).get(each.spelled, each.spelled) for each in networks}
    with sb.run(sb.Study(dataset, models), output) as results:
        table = results.metric("shape-bias")
        table = table[(table.metric == "shape-bias") & (table.averaging == "micro")].set_index("model")
    rows = [
        {
            "model": each.spelled,
            "here": table.loc[each.model, "value"],
            "low": table.loc[each.model, "low"],
            "high": table.loc[each.model, "high"],
            "published": values[each.model, each.paper],
        }
        for each in networks
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(difference=frame.here - frame.published)


def main() -> None:
    """Run the networks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="the networks whose spelling has this word")
    parser.add_argument("--output", default="references.h5")
    given = parser.parse_args()
    chosen = [each for each in NETWORKS if given.only in each.spelled]
    print(compare(chosen, "cue-conflict", given.output).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
