"""Placeholder of the contract: rewritten by who builds the room."""
