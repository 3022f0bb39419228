"""What reading FHIR costs, here and with other tools. `make bench-ehr` prints the tables."""
