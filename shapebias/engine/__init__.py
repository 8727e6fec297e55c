"""Study in, store out: decoding, batching, computing, writing; and images without a study, to look at or to keep."""

from shapebias.engine.making import Made, make
from shapebias.engine.previewing import Preview, preview
from shapebias.engine.runner import Interrupted, Progress, evaluate, run

__all__ = ["Interrupted", "Made", "Preview", "Progress", "evaluate", "make", "preview", "run"]
