"""How do weights change? The trainer, one file per objective, trackers."""
