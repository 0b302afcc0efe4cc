"""`python -m motools` is the command `motools`."""

from motools.cli import main

main()
