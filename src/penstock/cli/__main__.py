"""`python -m penstock.cli`: the `penstock` command where its script is not on the path."""

from penstock.cli import app

app()
