"""The `penstock` command. Each module here parses, calls one function of the product and prints; it decides nothing."""

import gc

gc.disable()  # what is imported stays: looking through it for garbage again and again would double the start-up
from penstock.cli.main import app  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["app"]
