"""Trunks as torch modules, one kind per file; the files in ``backbones/`` say which weights go into them."""
