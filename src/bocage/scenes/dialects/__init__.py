"""Parsers of metadata, one module per dialect."""
