"""docker-compose.yml: what it may contain, and what it must not do with patients' data."""

import re
from pathlib import Path

import pytest
import yaml

from medplatform.services import SERVICES
from medplatform.settings import Settings
from medplatform_tests.deploy.compose import ROOT, Compose, ComposeError, Service, load_compose

PASSWORD = {"POSTGRES_PASSWORD": "a-password"}


@pytest.fixture(scope="module")
def compose() -> Compose:
    return load_compose("docker-compose.yml", PASSWORD)


@pytest.fixture(scope="module")
def own_services(compose: Compose) -> dict[str, Service]:
    return {name: one for name, one in compose.services.items() if one.build}


def test_without_a_password_it_says_where_to_set_it() -> None:
    with pytest.raises(ComposeError, match=r"POSTGRES_PASSWORD: set it in \.env"):
        load_compose("docker-compose.yml", {"POSTGRES_PASSWORD": ""})


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ValueError, match="depend_on"):
        Compose.model_validate({"services": {"a": {"image": "x", "depend_on": {}}}})


def test_every_service_of_the_platform_runs_by_its_own_command(
    own_services: dict[str, Service],
) -> None:
    assert {name: one.command[:3] for name, one in own_services.items()} == {
        name: ["medplatform", "service", name] for name in SERVICES
    }


def test_one_image_serves_all(own_services: dict[str, Service]) -> None:
    assert len({(one.image, str(one.build)) for one in own_services.values()}) == 1


def test_every_service_is_watched_and_restarted(compose: Compose) -> None:
    for name, one in compose.services.items():
        assert one.healthcheck is not None, name
        assert one.restart == "unless-stopped", name


def test_a_service_starts_when_what_it_needs_is_healthy(compose: Compose) -> None:
    for one in compose.services.values():
        for name, dependency in one.depends_on.items():
            assert dependency.condition == "service_healthy"
            assert name in compose.services
    needs = {name: set(one.depends_on) for name, one in compose.services.items()}
    assert needs == {
        "postgres": set(),
        "mlflow": {"postgres"},
        "code-server": {"postgres", "mlflow"},
        "webserver": {"code-server"},
        "daemon": {"code-server"},
    }


def test_only_the_uis_are_published_and_only_on_loopback(compose: Compose) -> None:
    published = {name: one.ports for name, one in compose.services.items() if one.ports}
    assert published == {"mlflow": ["127.0.0.1:5000:5000"], "webserver": ["127.0.0.1:3000:3000"]}


def test_only_the_code_server_sees_patients_data(own_services: dict[str, Service]) -> None:
    def targets(service: Service) -> set[str]:
        return {volume.split(":")[1] for volume in service.volumes}

    seen = {name: targets(one) for name, one in own_services.items()}
    assert seen == {
        "mlflow": {"/data/mlflow"},
        "webserver": {"/data/dagster"},
        "daemon": {"/data/dagster"},
        "code-server": {"/data", "/data/landing", "/data/dagster"},
    }


def test_named_volumes_are_declared_and_bound_files_exist(compose: Compose) -> None:
    for one in compose.services.values():
        for volume in one.volumes:
            source = volume.split(":")[0]
            if not source.startswith("."):
                assert source in compose.volumes
            elif not source.endswith("landing"):
                assert (ROOT / source).is_file()


def test_services_run_without_privileges(own_services: dict[str, Service]) -> None:
    for one in own_services.values():
        assert one.security_opt == ["no-new-privileges:true"]
        assert one.cap_drop == ["ALL"]


def test_variables_of_the_platform_are_settings_with_usable_values(
    own_services: dict[str, Service],
) -> None:
    known = {f"MEDPLATFORM_{name.upper()}": name for name in Settings.model_fields}
    for one in own_services.values():
        ours = {k: v for k, v in one.environment.items() if k.startswith("MEDPLATFORM_")}
        assert set(ours) <= set(known)
        given = {known[name]: value for name, value in ours.items() if value is not None}
        settings = Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue, reportArgumentType]
        assert settings.data == Path("/data")


def test_the_databases_of_the_addresses_are_created(own_services: dict[str, Service]) -> None:
    addresses = " ".join(
        value or "" for one in own_services.values() for value in one.environment.values()
    )
    wanted = set(re.findall(r"@postgres:5432/(\w+)", addresses))
    script = (ROOT / "medplatform/deploy/databases.sql").read_text()
    assert wanted == set(re.findall(r"CREATE DATABASE (\w+);", script)) == {"dagster", "mlflow"}


def test_the_overlay_reserves_a_gpu_for_the_service_that_executes_runs() -> None:
    overlay = load_compose("docker-compose.gpu.yml", {})
    assert list(overlay.services) == ["code-server"]
    service = overlay.services["code-server"]
    assert service.environment == {"MEDPLATFORM_DEVICE": "cuda"}
    assert service.deploy is not None
    (device,) = service.deploy.resources.reservations.devices
    assert (device.driver, device.count, device.capabilities) == ("nvidia", 1, ["gpu"])


def test_the_image_holds_code_only_and_runs_as_a_user() -> None:
    deploy = ROOT / "medplatform" / "deploy"
    lines = (deploy / "Dockerfile").read_text().splitlines()
    ignored = (deploy / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source
        for line in lines
        if line.startswith("COPY ")
        for source in [word for word in line.split()[1:-1] if not word.startswith("--")]
    }
    assert "*" in ignored
    assert {source.split("/")[0] for source in copied} <= let_through
    assert {"data", ".env", ".venv"}.isdisjoint(let_through)
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER medplatform"]
    installs = [line for line in lines if "pip install" in line and not line.startswith("#")]
    assert installs
    assert all("--constraint constraints.txt" in line for line in installs)


def test_both_workspaces_load_the_same_location() -> None:
    by_hand = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    served = yaml.safe_load((ROOT / "medplatform/deploy/workspace.yaml").read_text())["load_from"]
    assert by_hand[0]["python_module"] == {
        "module_name": "medplatform.definitions",
        "location_name": "medplatform",
    }
    assert served[0]["grpc_server"]["location_name"] == "medplatform"
