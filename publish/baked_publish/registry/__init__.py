"""A client of OCI registries: references, credentials, blobs, manifests, push and pull; no Docker."""
