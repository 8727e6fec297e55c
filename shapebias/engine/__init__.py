"""Run a study: plan, compute, write."""

from shapebias.engine.runner import evaluate, run

__all__ = ["evaluate", "run"]
