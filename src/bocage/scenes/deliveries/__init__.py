"""Deliveries: where their files lie, which of them belong together, and how their parts make one image."""
