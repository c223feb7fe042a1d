"""`python -m plugin` is `selfhelp`."""

from plugin.cli import main

main()
