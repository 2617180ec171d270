"""Exposure: what lies in a database that strangers should not see, found before they can."""
