"""From frozen data sets to tracked models.

A recipe declares one model; freezing, training, tracking and supervising are the same for all.
Importing the package is light: torch, MLflow, MONAI, scikit-learn and matplotlib load on use.
"""

from medplatform.training.recipe import Collected, Recipe, TrainingConfig, TrainingError
from medplatform.training.recipes import RECIPES

__all__ = ["RECIPES", "Collected", "Recipe", "TrainingConfig", "TrainingError"]
