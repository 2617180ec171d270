"""Targets: one file each, holding its Publisher."""
