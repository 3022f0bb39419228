"""Ask a service whether it answers, cheaply enough to ask every moment."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

from medplatform.services.command import Service

_DAEMON_QUERY = b'{"query": "{instance {daemonHealth {allDaemonStatuses {required healthy}}}}"}'
_TIMEOUT_S = 5.0


def is_ready(name: Service, addresses: Mapping[Service, str]) -> bool:
    """Tell whether a service does its work.

    Parameters
    ----------
    name
        Which service.
    addresses
        Of all services that run beside it: URLs, HOST:PORT for the code server. The daemon has
        none: the webserver is asked for its heartbeats, and without one it counts as ready.
    """
    if name == "code-server":
        return _serves_code(addresses[name])
    if name == "daemon":
        return "webserver" not in addresses or _daemon_beats(addresses["webserver"])
    path = "health" if name == "mlflow" else "server_info"
    return _fetch(f"{addresses[name]}/{path}") is not None


def _serves_code(address: str) -> bool:
    import grpc
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        try:
            reply = check(HealthCheckRequest(service="DagsterApi"), timeout=_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return reply.status == HealthCheckResponse.SERVING


def _daemon_beats(webserver: str) -> bool:
    reply = _fetch(f"{webserver}/graphql", _DAEMON_QUERY)
    if reply is None:
        return False
    statuses = json.loads(reply)["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(status["healthy"] for status in statuses if status["required"])


def _fetch(url: str, body: bytes | None = None) -> bytes | None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
            return reply.read()
    except (urllib.error.URLError, OSError):
        return None
