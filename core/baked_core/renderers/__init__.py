"""Renderers: each turns a Page into a Response of one format; none of them queries."""
