"""The names that plugin authors import; this file is their only list."""

from .attacks.adversarial_search import ActiveBatch as ActiveBatch, AdversarialSearch as AdversarialSearch, Attempt as Attempt, Keep as Keep
from .attacks.criterion import AttackObjective as AttackObjective, Criterion as Criterion
from .attacks.norms import LP_BALLS as LP_BALLS, LpBall as LpBall, Norm as Norm, check_eps as check_eps
from .attacks.parameters import Target as Target, ascending as ascending, eps_param as eps_param, keep_param as keep_param, norm_param as norm_param, step_size_param as step_size_param, steps_param as steps_param, target_param as target_param
from .engine.executor import BatchComputed as BatchComputed, Message as Message, WorkersChanged as WorkersChanged
from .engine.local_executor import LocalExecutor as LocalExecutor
from .engine.pieces import Sender as Sender, SentWork as SentWork, failed_parts as failed_parts, pieces as pieces
from .engine.plan import ComputeOptions as ComputeOptions, Plan as Plan, Work as Work
from .errors import ShapebiasError as ShapebiasError
from .fetching import Archive as Archive, Source as Source, local_data as local_data
from .files import download as download
from .images.reading import Interpolation as Interpolation, check_crop as check_crop, fit as fit, fit_mask as fit_mask, images_below as images_below, read_image as read_image
from .metrics.frames import correctness as correctness, record as record, table as table
from .metrics.intervals import Estimate as Estimate, bootstrap as bootstrap, mean as mean, wilson as wilson
from .networks.baselines import Baseline as Baseline, blank as blank
from .networks.classifier import Classifier as Classifier, IMAGENET_MEAN as IMAGENET_MEAN, IMAGENET_STD as IMAGENET_STD
from .networks.state_hash import hash_state as hash_state
from .networks.features import Features as Features
from .networks.labels import class_order as class_order, imagenet_wnids as imagenet_wnids
from .networks.last_grid import last_grid as last_grid
from .networks.modified_relus import ModifiedReLUs as ModifiedReLUs
from .networks.objectives import Objective as Objective, Reduction as Reduction, objective_values as objective_values, pixel_gradient as pixel_gradient, reduce_channels as reduce_channels
from .networks.prompts import as_templates as as_templates, class_prompts as class_prompts, class_words as class_words, prompts as prompts
from .networks.tensor_cache import cached_tensors as cached_tensors
from .networks.weights import load_weights as load_weights, seeded_weights as seeded_weights
from .networks.zero_shot import ZeroShot as ZeroShot, class_embeddings as class_embeddings
from .plugins.catalog import default_catalog as default_catalog
from .plugins.discovery import discover as discover
from .plugins.hookspecs import hookimpl as hookimpl
from .plugins.in_memory import InMemoryAnswers as InMemoryAnswers, InMemoryMaps as InMemoryMaps, InMemoryResults as InMemoryResults, InMemoryValues as InMemoryValues
from .plugins.protocols import AttackedImages as AttackedImages, Attributed as Attributed, EvalCrop as EvalCrop, Sample as Sample, Transformed as Transformed
from .plugins.study_results import Answers as Answers, CellSummary as CellSummary, Maps as Maps, StudyResults as StudyResults, Values as Values
from .plugins.specs import AttackSpec as AttackSpec, DatasetSpec as DatasetSpec, ExecutorSpec as ExecutorSpec, MetricSpec as MetricSpec, ModelSpec as ModelSpec, ProbeSpec as ProbeSpec, SaliencySpec as SaliencySpec, SuiteSpec as SuiteSpec, TransformSpec as TransformSpec
from .published.references import Reference as Reference, references as references
from .rng import ImageRandom as ImageRandom, seeded_generators as seeded_generators
from .saliency.parameters import ExplainedClass as ExplainedClass, explained_class_param as explained_class_param, reduce_param as reduce_param
from .spelling.former import FormerWords as FormerWords
from .spelling.params import Options as Options, numbers as numbers, param as param
from .store import DatasetPart as DatasetPart, Part as Part
