"""What the platform costs, measured. `make bench` prints the tables; nothing here is a test."""
