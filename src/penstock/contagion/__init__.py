"""What permits next door say about a property: the numeric pass over places and permits, its clusters and its proof.

In: properties and the permits of one kind of work, as arrays. Out: what each property feels of its neighbours' permits,
a score with reasons, clusters of activity, and a test against the permits that followed. What always holds: the same
facts give the same answer to the bit, however the work is cut up; and nothing that came after a day counts on that day.
"""

from penstock.contagion.arrays import Reach
from penstock.contagion.borders import abroad, is_abroad
from penstock.contagion.field import PROJECT_DAYS
from penstock.contagion.geometry import UNITED_STATES, Flaw, chord, earth_centred, feet, flaws
from penstock.contagion.load import Loaded, load
from penstock.contagion.passes import Scored, rescore, score_due
from penstock.contagion.reasons import Reason, Verdict, rounded_feet
from penstock.contagion.score import Known, Tier, Weights
from penstock.contagion.states import BOXES
from penstock.contagion.verdicts import reasons, verdicts

__all__ = [
    "BOXES",
    "PROJECT_DAYS",
    "UNITED_STATES",
    "Flaw",
    "Known",
    "Loaded",
    "Reach",
    "Reason",
    "Scored",
    "Tier",
    "Verdict",
    "Weights",
    "abroad",
    "chord",
    "earth_centred",
    "feet",
    "flaws",
    "is_abroad",
    "load",
    "reasons",
    "rescore",
    "rounded_feet",
    "score_due",
    "verdicts",
]
