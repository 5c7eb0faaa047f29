"""The `penstock` command. Each module here parses, calls one function of the product and prints; it decides nothing."""

from penstock.cli.main import app

__all__ = ["app"]
