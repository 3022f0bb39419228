"""`python -m medplatform.cli`."""

from medplatform.cli import main

main()
