"""Study in, store out: decoding, batching, computing, writing; and a look at the images before."""

from shapebias.engine.previewing import Preview, preview
from shapebias.engine.runner import Interrupted, Progress, evaluate, run

__all__ = ["Interrupted", "Preview", "Progress", "evaluate", "preview", "run"]
