"""What is a run? Its directory, its events, how a worker is launched, and the `Run` handle."""
