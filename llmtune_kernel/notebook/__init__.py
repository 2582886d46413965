"""What does the notebook show? Magics, the live display with its chart widget, and the comm service of the front end."""
