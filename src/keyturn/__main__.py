"""The program: ``keyturn`` and ``python -m keyturn``."""

from keyturn.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
