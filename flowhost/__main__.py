"""`python -m flowhost`."""

from flowhost.cli import main

if __name__ == "__main__":
    main()
