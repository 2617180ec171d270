"""A Docker engine: where it listens, its containers, what their labels say, and how an Image gets in."""
