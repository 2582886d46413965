"""What does the user want? The configuration tree, read from YAML with line numbers."""
