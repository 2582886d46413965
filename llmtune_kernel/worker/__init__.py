"""The process that does model work: one job at a time, as a run of its own or for whoever started it."""
