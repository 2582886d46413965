"""What does the notebook show? Magics, the live display, and the comm service of the front end."""
