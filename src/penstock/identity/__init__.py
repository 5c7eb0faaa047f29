"""Identity: the same place and the same person, once.

In come staged rows with their keys; out go properties, contacts and leads, and for each row whether it was new,
known or a repetition. What must always hold: a key belongs to one living property, two different parcel numbers or
address keys are never made one, and rows taken in bulk end exactly where they would have ended one by one.
"""

from penstock.identity.merging import merge_properties, undo_merge
from penstock.identity.service import STAGED, Merged, merge_staged, open_staging

__all__ = ["STAGED", "Merged", "merge_properties", "merge_staged", "open_staging", "undo_merge"]
