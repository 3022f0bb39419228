"""The samples of a file: whose they are, and how well they were called."""
