"""The benchmark: Keyturn beside nginx and the bare upstream, in one run. ``python -m bench``, or ``make bench``."""
