-- Run once, when PostgreSQL initialises its volume.
CREATE DATABASE dagster;
CREATE DATABASE mlflow;
