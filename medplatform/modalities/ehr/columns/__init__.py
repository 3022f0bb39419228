"""FHIR resources as nested Arrow columns: from the bytes of accepted resources, losing nothing."""
