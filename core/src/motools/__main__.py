"""`python -m motools`: the command line."""

import sys

from motools.cli import main

sys.exit(main())
