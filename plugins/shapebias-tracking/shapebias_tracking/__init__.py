"""Send runs and trainings of shapebias to experiment trackers: MLflow, TensorBoard, Weights & Biases.

Each tracker is a plugin that does nothing until ``$SHAPEBIAS_TRACKERS`` names it; its library is imported then.
"""

from shapebias_tracking.hooks import TrackingHooks

__all__ = ["mlflow", "tensorboard", "wandb"]

mlflow = TrackingHooks("mlflow", "shapebias_tracking.mlflow_tracker:MLflowTracker")
tensorboard = TrackingHooks("tensorboard", "shapebias_tracking.tensorboard_tracker:TensorBoardTracker")
wandb = TrackingHooks("wandb", "shapebias_tracking.wandb_tracker:WandbTracker")
