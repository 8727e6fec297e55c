"""``python -m shapebias`` is ``shapebias``."""

from shapebias.cli import main

main()
