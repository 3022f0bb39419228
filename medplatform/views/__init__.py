"""SQL on FHIR v2: ViewDefinitions, compiled to SQL that DuckDB runs over typed columns."""

from medplatform.views.error import ViewError
from medplatform.views.run import run_view

__all__ = ["ViewError", "run_view"]
