"""The models that the platform can train: one line each."""

from medplatform.training.recipe import Recipe
from medplatform.training.recipes.ehr_risk import EHR_RISK
from medplatform.training.recipes.lesion_segmentation import LESION_SEGMENTATION

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (EHR_RISK, LESION_SEGMENTATION)}

__all__ = ["EHR_RISK", "LESION_SEGMENTATION", "RECIPES"]
