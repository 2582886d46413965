"""What is trained on? Sources, row formats, chat template and label mask, encoding, statistics."""
