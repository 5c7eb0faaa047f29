"""Sales: what people do about a lead beside outreach: notes, tags, follow-ups, the stage of the sale, its chances.

In: what brokers and operators say. Out: the timeline of a lead in one list, tasks for people, and a chance learned from
how earlier leads ended. What must always hold: a stage follows only where the table of transitions lets it; a note's
words are sealed; nothing is erased without a way back.
"""

from penstock.sales.chances import learn
from penstock.sales.service import (
    add_note,
    change_tags,
    close_follow_up,
    follow_up,
    follow_ups,
    move_stage,
    postpone,
    restore_note,
    stage_named,
    take_back_note,
    timeline,
)

__all__ = [
    "add_note",
    "change_tags",
    "close_follow_up",
    "follow_up",
    "follow_ups",
    "learn",
    "move_stage",
    "postpone",
    "restore_note",
    "stage_named",
    "take_back_note",
    "timeline",
]
