"""Whether a resource is valid FHIR, and which release of FHIR a delivery is in.

`verdict` judges one resource; `detection` finds the release. Importing this package is cheap; the
modules in it import fhir.resources and jsonschema_rs.
"""
