"""Penstock: one open lead-to-appointment platform."""
