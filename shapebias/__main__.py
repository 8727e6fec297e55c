"""Run the command line as ``python -m shapebias``."""

from shapebias.cli import main

main()
