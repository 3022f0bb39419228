"""Whether a model is good enough for patients: figures with intervals, gates, verdict, report.

Everything here is a pure function of predictions. It knows neither torch nor MLflow nor Dagster.
"""
