"""Commands about models: freeze, train, evaluate, approve, promote, roll back, look."""

import sys
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.configuration import parse_settings, show_settings
from medplatform.cli.terminal import installation_of_settings, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medplatform.clinical import Verdict
    from medplatform.installation import Installation
    from medplatform.registry import Registry
    from medplatform.training.recipe import Recipe


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
version_argument = click.argument("version")


@click.command()
@recipe_argument
def freeze(recipe: "Recipe") -> None:
    """Freeze the data set of a recipe: split by patient, named by its digest."""
    from medplatform.training.data import freeze_dataset

    installation = installation_of_settings()
    settings = installation.settings
    snapshot = freeze_dataset(
        recipe,
        installation.lake,
        settings.marts,
        settings.datasets,
        is_synthetic=installation.is_synthetic,
    )
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
    help="Override a default of the recipe's configuration, e.g. --set epochs=5. "
    "What there is to set: --settings.",
)
@click.option("--debug", is_flag=True, help="A configuration that trains in seconds on a CPU.")
@click.option("--settings", "is_list", is_flag=True, help="List what --set takes, and exit.")
def train(recipe: "Recipe", assignments: tuple[str, ...], debug: bool, is_list: bool) -> None:
    """Train a recipe on its latest data set and register the model as candidate."""
    if is_list:
        show_settings(recipe)
        return
    from medplatform.registry import register
    from medplatform.training.data import DatasetMissing, freeze_dataset, latest_snapshot
    from medplatform.training.launcher import LocalLauncher

    installation = installation_of_settings()
    settings = installation.settings
    config = parse_settings(recipe, assignments, debug)
    try:
        snapshot = latest_snapshot(settings.datasets, recipe)
    except DatasetMissing:
        snapshot = freeze_dataset(
            recipe,
            installation.lake,
            settings.marts,
            settings.datasets,
            is_synthetic=installation.is_synthetic,
        )
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
@version_argument
@click.option("--as", "approver", required=True, help="Your name; not the trainer's.")
@click.option("--role", required=True, help="Your role, e.g. clinician.")
@click.option("--reason", required=True, help="Why you stand for this model.")
def approve(recipe: "Recipe", version: str, approver: str, role: str, reason: str) -> None:
    """Sign a passing verdict: recorded for good in the hash-chained log.

    VERSION is a number or an alias. The name is not checked against a password: the account that
    you are logged in with is recorded beside it.
    """
    from medplatform.registry import approve as record_approval
    from medplatform.registry import find_version

    registry = installation_of_settings().registry
    number = find_version(registry, recipe.name, version)
    record = record_approval(registry, recipe, number, approver=approver, role=role, reason=reason)
    click.echo(
        f"{recipe.name} version {number} is approved by {approver}, typed by "
        f"{record.detail['account']}: record {record.sequence} of {registry.log.path}."
    )
    if record.detail["is_trainer_account"]:
        click.secho("This account also trained the model; that is recorded.", fg="yellow", err=True)
    click.echo(f"Next: medplatform promote {recipe.name} {number}")


@click.command()
@recipe_argument
@version_argument
def promote(recipe: "Recipe", version: str) -> None:
    """Make an approved model the champion.

    VERSION is a number or an alias.
    """
    from medplatform.registry import find_version
    from medplatform.registry import promote as make_champion

    installation = _installation_of_person(installation_of_settings())
    number = find_version(installation.registry, recipe.name, version)
    promotion = make_champion(
        installation.registry, recipe, number, actor=installation.settings.operator
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

    Aliases in MLflow that do not say what the log says are put right, which is recorded.
    """
    from medplatform.cli.summary import print_summary

    installation = _installation_of_person(installation_of_settings())
    if installation.registry.log.path.exists():
        _repair_aliases(installation.registry, installation.settings.operator)
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
                "account": record.detail.get("account", ""),
                "what": record.action,
                "recipe": record.detail.get("recipe", ""),
                "version": record.detail.get("version"),
                "verdict": record.detail.get("state", ""),
                "role": record.detail.get("role", ""),
                "reason": _reason(record.detail),
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


def _reason(detail: "Mapping[str, Any]") -> str:
    """Why somebody did what a record tells."""
    if "alias" in detail:
        return f"alias {detail['alias']} was at {detail['shown'] or 'none'} in MLflow"
    same = " (typed by the account that trained)" if detail.get("is_trainer_account") else ""
    return f"{detail.get('reason', '')}{same}"


def _repair_aliases(registry: "Registry", actor: str) -> None:
    """Make MLflow show what the log says and tell what was wrong there."""
    from medplatform.registry import VersionMissing, sync_aliases
    from medplatform.training.recipes import RECIPES

    for recipe in RECIPES:
        if not registry.history(recipe).registered:
            continue
        try:
            changes = sync_aliases(registry, recipe, actor=actor)
        except VersionMissing as error:
            click.secho(f"medplatform: {error}", fg="red", err=True)
            continue
        for change in changes:
            click.secho(
                f"medplatform: the alias {change.alias} of {recipe} was wrong: {change}: put "
                f"right and recorded. Find out who set it; only medplatform promote makes a "
                f"champion.",
                fg="red",
                bold=True,
                err=True,
            )


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
