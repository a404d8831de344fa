"""Simulated deliveries, one module per layout: the files that a maker would have sent, with their own metadata."""
