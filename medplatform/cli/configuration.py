"""The configuration of one training on the command line: what there is to set, and what was."""

from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.terminal import print_table

if TYPE_CHECKING:
    from medplatform.training.recipe import Recipe, TrainingConfig


def parse_settings(recipe: "Recipe", assignments: tuple[str, ...], debug: bool) -> "TrainingConfig":
    """The configuration that `--set NAME=VALUE` and `--debug` ask for.

    Raises
    ------
    click.BadParameter
        It names no setting, or a value that the setting cannot take; the message says which.
    """
    import json

    from pydantic import ValidationError

    chosen: dict[str, Any] = recipe.debug.model_dump(mode="json") if debug else {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise click.BadParameter(f"{assignment!r} is no NAME=VALUE.", param_hint="--set")
        if name not in recipe.config.model_fields:
            names = ", ".join(recipe.config.model_fields)
            raise click.BadParameter(
                f"{name} is no setting of {recipe.name}. There are: {names}.", param_hint="--set"
            )
        try:
            chosen[name] = json.loads(value)
        except ValueError:
            chosen[name] = value
    try:
        return recipe.config.model_validate(chosen)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or recipe.name}: {e['msg']}" for e in error.errors()
        )
        raise click.BadParameter(reasons, param_hint="--set") from None


def show_settings(recipe: "Recipe") -> None:
    """Print what `--set` takes."""
    print_table(
        f"Settings of {recipe.name}",
        [
            {
                "name": name,
                "default": str(field.default),
                "with --debug": str(getattr(recipe.debug, name)),
                "meaning": field.description,
            }
            for name, field in recipe.config.model_fields.items()
        ],
    )
