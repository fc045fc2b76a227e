"""`python -m bridge.cli`: the command line without its console script."""

from bridge.cli import main

main()
