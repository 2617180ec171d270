"""Vendors: a thin client of each vendor's API; none knows what a Bundle is."""
