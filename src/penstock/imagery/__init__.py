"""Imagery: leads are looked at from above.

In come leads that an area scan found; out go a picture of their place with its licence, and what several vision models
see on it, side by side. Live words count in the score; where they are far apart, confidence goes down.
What must always hold: no picture is bought twice in its time and no model is shown the same picture twice; whatever a
stand-in made is marked synthetic and counts for nothing; every due lead ends assessed, failed with a reason, or waits.
"""

from penstock.imagery.shown import Photo, live_photo

__all__ = ["Photo", "live_photo"]
