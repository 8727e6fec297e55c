"""Study in, store out: decoding, batching, computing, writing."""

from shapebias.engine.runner import Interrupted, Progress, evaluate, run

__all__ = ["Interrupted", "Progress", "evaluate", "run"]
