"""The serving app of baked-data: everything that runs inside an artifact."""
