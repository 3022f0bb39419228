"""`python -m medplatform`."""

from medplatform.cli import main

main()
