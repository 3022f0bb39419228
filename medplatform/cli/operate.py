"""Commands that run things: the demo, the UIs, single services, a look at the installation."""

import sys
from importlib.metadata import version

import click

from medplatform.cli.terminal import installation_of_settings, print_table

LEAST_PATIENTS = 400
LEAST_IMAGED = 40
"""Fewer are too few to freeze, train and judge on."""


@click.command()
@click.option(
    "--patients",
    type=click.IntRange(min=LEAST_PATIENTS),
    default=4000,
    show_default=True,
    help="Patients of the cohort.",
)
@click.option(
    "--imaging-patients",
    type=click.IntRange(min=LEAST_IMAGED),
    default=240,
    show_default=True,
    help="Of them with images.",
)
@click.option("--seed", default=7, show_default=True, help="Seed of the cohort.")
def demo(patients: int, imaging_patients: int, seed: int) -> None:
    """Run the whole platform on a synthetic cohort and print what came of it."""
    if imaging_patients > patients:
        raise click.BadParameter(
            f"More patients with images ({imaging_patients}) than patients ({patients}).",
            param_hint="--imaging-patients",
        )
    from medplatform.cli.demo import run_demo

    run_demo(
        installation_of_settings().settings,
        patients=patients,
        imaging_patients=imaging_patients,
        seed=seed,
    )


@click.command()
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster UI.")
@click.option("--mlflow-port", default=5000, show_default=True, help="Port of the MLflow UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def dev(port: int, mlflow_port: int, host: str) -> None:
    """Open the Dagster UI (with its daemon) and the MLflow UI; Ctrl-C ends all.

    Where the tracking store is an MLflow server, none is started.
    """
    from medplatform.services import Service, link_settings, run_services
    from medplatform.training.store import is_server, store_address

    def announce(addresses: dict[Service, str]) -> None:
        for name, title in (("webserver", "Dagster"), ("mlflow", "MLflow")):
            if name in addresses:
                click.echo(f"{title:8} {addresses[name]}")
        click.echo("Ctrl-C ends all services.")

    settings = installation_of_settings().settings
    ports: dict[Service, int] = {"webserver": port}
    if is_server(settings.tracking_uri):
        click.echo(f"MLflow runs at {store_address(settings.tracking_uri)} and is not started.")
    else:
        ports["mlflow"] = mlflow_port
    click.echo("Starting the services; the first time takes a minute …")
    run_services(
        ["code-server", "daemon", *ports],
        link_settings(settings, host, ports),
        announce,
        host=host,
        ports=ports,
    )


@click.command()
@click.argument("name", type=click.Choice(["code-server", "webserver", "daemon", "mlflow"]))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; each service has its usual one.")
def service(name: str, host: str, port: int | None) -> None:
    """Run one service in the foreground, as the containers do."""
    from medplatform.services import SERVICES, exec_service

    exec_service(
        next(known for known in SERVICES if known == name),
        installation_of_settings().settings,
        host=host,
        port=port,
    )


@click.command()
def doctor() -> None:
    """Say what this installation has and lacks. Exit code 1: it cannot work as it is."""
    import shutil

    import torch

    from medplatform.privacy import KeyMissing, VaultError, WrongKey, load_key
    from medplatform.training.store import store_address

    settings = installation_of_settings().settings
    problems = []
    try:
        load_key(settings.master_key, settings.vault)
        key = "usable"
    except (KeyMissing, VaultError, WrongKey) as error:
        key = "not usable"
        problems.append(str(error))
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    nearest = next(p for p in (settings.data, *settings.data.parents) if p.exists())
    free = shutil.disk_usage(nearest).free
    facts = {
        "Python": sys.version.split()[0],
        "data folder": settings.data,
        "free disk": f"{free / 2**30:.0f} GiB",
        "master key": key,
        "GPU": gpu,
        "device setting": settings.device,
        "MLflow store": store_address(settings.tracking_uri),
        "Dagster storage": "PostgreSQL" if settings.database_url else "SQLite",
        **{name: version(name) for name in ("dagster", "mlflow", "dbt-core", "duckdb", "torch")},
    }
    print_table("Installation", [{"what": name, "is": str(value)} for name, value in facts.items()])
    if settings.device == "cuda" and gpu == "none":
        problems.append("MEDPLATFORM_DEVICE is cuda, but there is no GPU. Set auto or cpu.")
    for problem in problems:
        click.secho(problem, fg="red", err=True)
    sys.exit(1 if problems else 0)
