"""The keeper: the process that holds the public socket of one name on this machine, and what it remembers."""
