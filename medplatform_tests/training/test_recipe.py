"""A recipe is complete, documented and light to import."""

import subprocess
import sys

import pytest

from medplatform.training import RECIPES, Recipe

HEAVY = ("torch", "mlflow", "sklearn", "monai", "matplotlib", "dagster", "PIL", "pydicom")


def test_declaring_recipes_imports_nothing_heavy() -> None:
    code = (
        "import sys, medplatform.training, medplatform.training.recipes, "
        "medplatform.training.launcher, medplatform.training.data, medplatform.training.mirror; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
class TestEveryRecipe:
    def test_describes_every_option(self, recipe: Recipe) -> None:
        silent = [n for n, field in recipe.config.model_fields.items() if not field.description]
        assert silent == []

    def test_names_its_use_and_its_gates(self, recipe: Recipe) -> None:
        assert recipe.intended_use.endswith(".") and "Not for" in recipe.intended_use
        assert recipe.gates.name == recipe.name
        assert recipe.gates.gates

    def test_brings_a_debug_configuration_of_its_own_type(self, recipe: Recipe) -> None:
        assert type(recipe.debug) is recipe.config
        assert recipe.debug.epochs <= 3

    def test_depends_on_assets_with_two_part_keys(self, recipe: Recipe) -> None:
        assert all(key.split("/")[0] in {"lake", "marts"} for key in recipe.depends_on)
        assert all(key.count("/") == 1 for key in recipe.depends_on)


def test_the_digest_of_a_configuration_names_its_values() -> None:
    config = RECIPES["ehr_risk"].config
    assert config(seed=1).digest == config(seed=1).digest
    assert config(seed=1).digest != config(seed=2).digest


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match="learning_rat"):
        RECIPES["ehr_risk"].config.model_validate({"learning_rat": 1})
