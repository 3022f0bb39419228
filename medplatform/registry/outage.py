"""An MLflow store that fails becomes one error that names it and says what to do."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from medplatform.registry.errors import StoreUnavailable
from medplatform.training.store import store_address, store_errors

if TYPE_CHECKING:
    from medplatform.registry.registry import Registry

P = ParamSpec("P")
T = TypeVar("T")


def reports_outage(
    function: "Callable[Concatenate[Registry, P], T]",
) -> "Callable[Concatenate[Registry, P], T]":
    """Let a function of a registry raise `StoreUnavailable` where MLflow fails or refuses."""

    @wraps(function)
    def call(registry: "Registry", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(registry, *args, **kwargs)
        except store_errors() as error:
            kind = getattr(error, "error_code", None) or type(error).__name__
            raise StoreUnavailable(
                f"The MLflow store at {store_address(registry.tracking_uri)} does not answer or "
                f"refuses ({kind}). Start it, or correct MEDPLATFORM_MLFLOW_TRACKING_URI, then "
                f"look at what stands: medplatform status"
            ) from error

    return call
