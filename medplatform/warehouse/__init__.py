"""From the lake to marts: runs the dbt project over DuckDB views of the published files.

The models, their tests and their documentation are in `dbt/`. Not here: what a model computes,
and anything of Dagster, which runs the same project and calls the same functions.
"""

from medplatform.warehouse.inputs import POLYGENIC_SCORE, UCUM_CONVERSION
from medplatform.warehouse.results import BuildResult, NodeResult, publish
from medplatform.warehouse.runner import build, prepare
from medplatform.warehouse.view_tables import BuiltView, ViewTables, build_view
from medplatform.warehouse.views import WarehouseError, refresh_views

__all__ = [
    "POLYGENIC_SCORE",
    "UCUM_CONVERSION",
    "BuildResult",
    "BuiltView",
    "NodeResult",
    "ViewTables",
    "WarehouseError",
    "build",
    "build_view",
    "prepare",
    "publish",
    "refresh_views",
]
