"""From raw multi-modal hospital records to a clinically validated model.

Importing the package switches off the telemetry of every tool it drives, so that no network call
happens which the user did not configure. Nothing else happens on import.
"""

import os

__version__ = "0.1.0"

for _switch, _off in {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}.items():
    os.environ.setdefault(_switch, _off)
