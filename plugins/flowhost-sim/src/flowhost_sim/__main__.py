"""`python -m flowhost_sim`."""

import sys

from flowhost_sim.cli import main

if __name__ == "__main__":
    sys.exit(main())
