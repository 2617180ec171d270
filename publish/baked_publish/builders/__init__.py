"""Builders: Bundle + Recipe -> Artifact, one file a kind."""
