"""What is true: frozen types and pure functions, without I/O, clock or randomness."""
