"""The toolkit of baked-data: SQLite files in, a verified running server out."""
