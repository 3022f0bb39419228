"""The compose files as checked objects: every key that they may use, with its type.

A key that is not declared here is refused, so a misspelt one cannot pass unseen. Names and types
follow the Compose Specification.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).parents[2]

Duration = Annotated[str, Field(pattern=r"^(\d+(us|ms|s|m|h))+$")]
Size = Annotated[str, Field(pattern=r"^\d+(b|k|m|g|kb|mb|gb)$")]
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\}")


class ComposeError(ValueError):
    """A variable that a compose file requires is unset."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Healthcheck(_Part):
    test: Annotated[list[str], Field(min_length=2)]
    interval: Duration
    timeout: Duration
    retries: Annotated[int, Field(ge=1)]
    start_period: Duration = "0s"


class Dependency(_Part):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Build(_Part):
    context: str
    dockerfile: str
    args: dict[str, str | None] = {}


class Device(_Part):
    capabilities: Annotated[list[str], Field(min_length=1)]
    driver: str | None = None
    count: int | Literal["all"] | None = None


class Reservations(_Part):
    devices: list[Device] = []


class Resources(_Part):
    reservations: Reservations


class Deploy(_Part):
    resources: Resources


class Service(_Part):
    image: str | None = None
    build: Build | None = None
    command: list[str] = []
    environment: dict[str, str | None] = {}
    volumes: list[str] = []
    ports: list[str] = []
    depends_on: dict[str, Dependency] = {}
    healthcheck: Healthcheck | None = None
    restart: Literal["no", "always", "on-failure", "unless-stopped"] = "no"
    init: bool = False
    security_opt: list[str] = []
    cap_drop: list[str] = []
    stop_grace_period: Duration = "10s"
    shm_size: Size | None = None
    deploy: Deploy | None = None


class Compose(_Part):
    services: Annotated[dict[str, Service], Field(min_length=1)]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] | None = None
    volumes: dict[str, None] = {}


def load_compose(name: str, variables: Mapping[str, str]) -> Compose:
    """Read a compose file of the repository, its variables replaced as Compose does.

    Raises
    ------
    ComposeError
        A required variable (`${NAME:?message}`) is unset or empty.
    """

    def value_of(match: re.Match[str]) -> str:
        value = variables.get(match["name"], "")
        if match["kind"] == ":?" and not value:
            raise ComposeError(f"{match['name']}: {match['rest']}")
        return value or (match["rest"] if match["kind"] == ":-" else "")

    document = yaml.safe_load((ROOT / name).read_text("utf-8"))
    return Compose.model_validate(
        {
            key: _interpolate(value, value_of)
            for key, value in document.items()
            if not key.startswith("x-")
        }
    )


def _interpolate(node: Any, value_of: Callable[[re.Match[str]], str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolate(value, value_of) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolate(value, value_of) for value in node]
    return _VARIABLE.sub(value_of, node) if isinstance(node, str) else node
