"""Control plane: what keys, models and upstreams there are, and what has been used."""
