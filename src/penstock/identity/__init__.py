"""Identity: the same place and the same person, once.

In come staged rows with their keys; out go properties, contacts and leads, and for each row whether it was new,
known or a repetition. What must always hold: a key belongs to one living property, two different parcel numbers or
address keys are never made one, and rows taken in bulk end exactly where they would have ended one by one.
"""

from penstock.identity.merging import merge_properties, undo_merge
from penstock.identity.service import STAGED, Merged, merge_staged, open_staging
from penstock.identity.titles import SLOTS, Slot, TitleClaim, claim_of_title, slot_of_title

__all__ = [
    "SLOTS",
    "STAGED",
    "Merged",
    "Slot",
    "TitleClaim",
    "claim_of_title",
    "merge_properties",
    "merge_staged",
    "open_staging",
    "slot_of_title",
    "undo_merge",
]
