"""The Dagster layer: it wires domain functions to assets, checks, schedules and sensors.

One file per concept. Nothing here reads, computes or stores data by itself.
"""
