"""Commands about models: freeze, train, evaluate, approve, promote, roll back, look."""

import sys
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.terminal import installation_of_settings, print_table

if TYPE_CHECKING:
    from medplatform.clinical import Verdict
    from medplatform.installation import Installation
    from medplatform.registry import Registry
    from medplatform.training.recipe import Recipe, TrainingConfig


class RecipeName(click.ParamType):
    """The name of a recipe, resolved to the recipe when the command runs."""

    name = "recipe"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Look the recipe up."""
        from medplatform.training.recipes import RECIPES

        if value not in RECIPES:
            self.fail(f"{value!r} is none of {', '.join(RECIPES)}.", param, ctx)
        return RECIPES[value]


recipe_argument = click.argument("recipe", type=RecipeName())


@click.command()
@recipe_argument
def freeze(recipe: "Recipe") -> None:
    """Freeze the data set of a recipe: split by patient, named by its digest."""
    from medplatform.training.data import freeze_dataset

    installation = installation_of_settings()
    settings = installation.settings
    snapshot = freeze_dataset(recipe, installation.lake, settings.marts, settings.datasets)
    counts = snapshot.manifest["facts"]["counts"]
    print_table(
        f"datasets/{recipe.name} {snapshot.digest[:16]}",
        [{"split": name, **part} for name, part in counts.items()],
    )


@click.command()
@recipe_argument
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Override a default of the recipe's configuration, e.g. --set epochs=5.",
)
@click.option("--debug", is_flag=True, help="A configuration that trains in seconds on a CPU.")
def train(recipe: "Recipe", assignments: tuple[str, ...], debug: bool) -> None:
    """Train a recipe on its latest data set and register the model as candidate."""
    from medplatform.registry import register
    from medplatform.training.data import DatasetMissing, freeze_dataset, latest_snapshot
    from medplatform.training.launcher import LocalLauncher

    installation = installation_of_settings()
    settings = installation.settings
    config = _config(recipe, assignments, debug)
    try:
        snapshot = latest_snapshot(settings.datasets, recipe)
    except DatasetMissing:
        snapshot = freeze_dataset(recipe, installation.lake, settings.marts, settings.datasets)
    installation = _installation_of_person(installation)
    outcome = LocalLauncher().launch(installation.job(recipe, snapshot, config))
    if outcome.result is None:
        sys.exit(outcome.exit_code)
    version = register(installation.registry, recipe, outcome.result)
    facts = {"version": version.version, "run": outcome.result.run_name, **outcome.result.metrics}
    print_table(recipe.title, [facts])


@click.command()
@recipe_argument
@click.argument("version", default="candidate")
def evaluate(recipe: "Recipe", version: str) -> None:
    """Judge a model on its locked test cohort by the clinical gates.

    VERSION is a number or an alias. Exit code 0: PASS, 3: FAIL, 4: INCONCLUSIVE.
    """
    from medplatform.lake import read_snapshot
    from medplatform.registry import find_version, judge
    from medplatform.registry.versions import registered

    installation = _installation_of_person(installation_of_settings())
    registry = installation.registry
    number = find_version(registry, recipe.name, version)
    digest = registered(registry.history(recipe.name), number).dataset_digest
    judgement = judge(
        registry,
        recipe,
        number,
        read_snapshot(installation.settings.datasets / recipe.name / digest[:16]),
        actor=installation.settings.operator,
        ceiling=installation.ceiling(recipe),
    )
    _show_verdict(judgement.verdict)
    click.echo(f"Report: {judgement.report}")
    sys.exit({"PASS": 0, "FAIL": 3, "INCONCLUSIVE": 4}[judgement.verdict.state.value])


@click.command()
@recipe_argument
@click.argument("version", type=int)
@click.option("--as", "approver", required=True, help="Your name; not the trainer's.")
@click.option("--role", required=True, help="Your role, e.g. clinician.")
@click.option("--reason", required=True, help="Why you stand for this model.")
def approve(recipe: "Recipe", version: int, approver: str, role: str, reason: str) -> None:
    """Sign a passing verdict: recorded for good in the hash-chained log."""
    from medplatform.registry import approve as record_approval

    registry = installation_of_settings().registry
    record = record_approval(registry, recipe, version, approver=approver, role=role, reason=reason)
    click.echo(f"Recorded as {record.sequence} in {registry.log.path}.")
    click.echo(f"Next: medplatform promote {recipe.name} {version}")


@click.command()
@recipe_argument
@click.argument("version", type=int)
def promote(recipe: "Recipe", version: int) -> None:
    """Make an approved model the champion."""
    from medplatform.registry import promote as make_champion

    installation = _installation_of_person(installation_of_settings())
    promotion = make_champion(
        installation.registry, recipe, version, actor=installation.settings.operator
    )
    before = f", after version {promotion.previous.version}" if promotion.previous else ""
    click.echo(f"{recipe.name} version {promotion.champion.version} is champion{before}.")


@click.command()
@recipe_argument
@click.option("--as", "actor", required=True, help="Your name.")
@click.option("--reason", required=True, help="What was found.")
def rollback(recipe: "Recipe", actor: str, reason: str) -> None:
    """Put the previous champion back."""
    from medplatform.registry import rollback as put_back

    promotion = put_back(installation_of_settings().registry, recipe, actor=actor, reason=reason)
    click.echo(f"{recipe.name} version {promotion.champion.version} is champion again.")


@click.command()
def status() -> None:
    """Show the lake, and every model version with verdict, aliases and figures.

    Aliases in MLflow that do not say what the log says are put right.
    """
    from medplatform.cli.summary import print_summary

    installation = installation_of_settings()
    if installation.registry.log.path.exists():
        _repair_aliases(installation.registry)
    print_summary(installation)


@click.command()
def replay() -> None:
    """Send runs to MLflow that it missed while it did not answer, and register their models."""
    from medplatform.registry import register_replayed
    from medplatform.training.mirror import replay_pending
    from medplatform.training.recipes import RECIPES

    installation = installation_of_settings()
    settings = installation.settings
    names = replay_pending(settings.models, settings.tracking_uri, installation.artifact_root)
    click.echo(f"Sent: {', '.join(names)}." if names else "MLflow has everything.")
    for version in register_replayed(installation.registry, RECIPES.values()):
        click.echo(f"Registered: {version.recipe} version {version.version}.")


@click.command()
def audit() -> None:
    """Check the chain of the registry log and print its head and records."""
    log = installation_of_settings().registry.log
    records = log.records()
    print_table(
        str(log.path),
        [
            {
                "number": record.sequence,
                "at": record.at.isoformat(timespec="seconds"),
                "who": record.actor,
                "what": record.action,
                "recipe": record.detail.get("recipe", ""),
                "version": record.detail.get("version"),
            }
            for record in records
        ],
    )
    click.echo(f"The chain is whole. Head: {log.verify()}")


def _installation_of_person(installation: "Installation") -> "Installation":
    """The same installation, acting for whoever typed the command unless an operator is set.

    Were every trainer the platform, anybody could approve the model that they trained themselves.
    """
    from medplatform.installation import Installation

    settings = installation.settings
    if "operator" in settings.model_fields_set:
        return installation
    return Installation(settings.model_copy(update={"operator": _user()}))


def _user() -> str:
    import getpass
    import os

    try:
        return getpass.getuser()
    except KeyError:  # a container may run under a number that has no name
        return f"uid {os.getuid()}"


def _repair_aliases(registry: "Registry") -> None:
    """Make MLflow show what the log says and tell what was wrong there."""
    from medplatform.registry import VersionMissing, sync_aliases
    from medplatform.training.recipes import RECIPES

    for recipe in RECIPES:
        if not registry.history(recipe).registered:
            continue
        try:
            changes = sync_aliases(registry, recipe)
        except VersionMissing as error:
            click.secho(f"medplatform: {error}", fg="red", err=True)
            continue
        for alias, version in changes.items():
            what = f"put back to version {version}" if version else "taken away"
            click.echo(f"Repaired in MLflow: the alias {alias} of {recipe} was {what}.")


def _config(recipe: "Recipe", assignments: tuple[str, ...], debug: bool) -> "TrainingConfig":
    import json

    chosen: dict[str, Any] = recipe.debug.model_dump(mode="json") if debug else {}
    for assignment in assignments:
        name, _, value = assignment.partition("=")
        try:
            chosen[name] = json.loads(value)
        except ValueError:
            raise click.BadParameter(
                f"{assignment!r} is no NAME=VALUE.", param_hint="--set"
            ) from None
    from pydantic import ValidationError

    try:
        return recipe.config.model_validate(chosen)
    except ValidationError as error:
        reasons = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
        raise click.BadParameter(reasons, param_hint="--set") from None


def _show_verdict(verdict: "Verdict") -> None:
    print_table(
        f"{verdict.recipe} version {verdict.model.version}: {verdict.state.value}",
        [
            {
                "gate": result.title,
                "state": result.state.value,
                "value": result.value,
                "threshold": result.threshold,
                "reason": result.reason,
            }
            for result in verdict.results
        ],
    )
