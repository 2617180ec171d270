"""Cloud Run: what a service, its revisions and its traffic say of deployments; the order of steps is elsewhere."""
