"""What does the model answer? Generation with the weights in memory."""
