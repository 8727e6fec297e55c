"""What to run: conditions, cells and the study that combines them."""

from shapebias.study.cell import Cell
from shapebias.study.condition import CLEAN, Condition
from shapebias.study.study import Study, as_conditions, as_datasets, as_models, read_toml

__all__ = ["CLEAN", "Cell", "Condition", "Study", "as_conditions", "as_datasets", "as_models", "read_toml"]
