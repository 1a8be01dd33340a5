"""The processes of a node and their wiring: the only modules that know every adapter."""
