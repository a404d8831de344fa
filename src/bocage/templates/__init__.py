"""Settings files for new projects, one per kind of area."""
