"""The map of a project in a browser, served on this machine only."""

from bocage.web.server import make_server, serve

__all__ = ["make_server", "serve"]
