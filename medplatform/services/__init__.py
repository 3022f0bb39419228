"""The services of one installation: Dagster's code server, UI and daemon, and MLflow.

Belongs here: the command line and environment of each service, the files it needs before it
starts, and a foreground process that runs several of them. A container, a systemd unit and
`medplatform dev` start the same commands. Does not belong here: what the services load.
"""

from medplatform.services.command import SERVICES, Service, exec_service, service_command
from medplatform.services.foreground import link_settings, run_services
from medplatform.services.home import ServiceError, instance_environment, prepare_home

__all__ = [
    "SERVICES",
    "Service",
    "ServiceError",
    "exec_service",
    "instance_environment",
    "link_settings",
    "prepare_home",
    "run_services",
    "service_command",
]
