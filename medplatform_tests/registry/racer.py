"""What one of several promoting processes does. Importing it needs no torch."""

from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from medplatform.registry import Registry, StaleChampion, promote
from medplatform_tests.registry.line import make_recipe

Outcome = tuple[int, int, str]
"""Round, version, what came of it."""


def run_rounds(
    folders: list[Path], versions: list[int], barrier: Barrier, outcomes: "Queue[Outcome]"
) -> None:
    """Promote one version in each folder, at the same moment as the other process."""
    recipe = make_recipe()
    for number, (folder, version) in enumerate(zip(folders, versions, strict=True)):
        registry = Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "models")
        registry.client.get_registered_model(recipe.name)
        barrier.wait(timeout=60)
        try:
            promote(registry, recipe, version, actor=f"process {version}")
            outcomes.put((number, version, "won"))
        except StaleChampion:
            outcomes.put((number, version, "stale"))
