"""How fast images are read, beside other tools."""
