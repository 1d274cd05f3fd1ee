"""What the program says, in Chinese."""

CATALOGUE: dict[str, str] = {}
