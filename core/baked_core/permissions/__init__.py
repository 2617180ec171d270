"""Permissions: who comes in, what each may see, and the Serving that holds no more than that."""
