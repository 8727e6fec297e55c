"""The public names of the package; this file is their only list."""

from . import plugin as plugin
from ._version import __version__ as __version__
from .engine import evaluate as evaluate, run as run
from .errors import ShapebiasError as ShapebiasError
from .images.reading import read_image as read_image
from .networks.classifier import Classifier as Classifier
from .plugins.catalog import Catalog as Catalog, default_catalog as default_catalog
from .plugins.data_sources import fetch as fetch
from .profiling import Profile as Profile, profile as profile
from .rendering.make import WrittenDataset as WrittenDataset, make as make
from .rendering.preview import Preview as Preview, preview as preview
from .reporting.comparison import compare as compare
from .reporting.drawing import figure as figure
from .reporting.page import report as report
from .runtime.allocator import keep_freed_memory as keep_freed_memory
from .runtime.progress import Interrupted as Interrupted, Progress as Progress
from .store import Results as Results, drop as drop, merge as merge, open as open, pack as pack, rename as rename, verify as verify
from .study import Cell as Cell, Condition as Condition, Study as Study
from .training.loop import TrainingProgress as TrainingProgress, train as train
from .training.recipe import Recipe as Recipe
