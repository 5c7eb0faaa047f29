"""Permits: what a town hall allowed to be built becomes a fact about a place.

In come the rows of open-data portals and of files; out go permits in one form, each with the kind of work it is for and
the property it belongs to. What must always hold: a row that makes no sense is set aside with its field and its reason,
and a permit is joined to a property only where there is no doubt which.
"""

from penstock.permits.classify import Classifier, Table, Verdict, load_table, standard
from penstock.permits.files import PermitFile
from penstock.permits.matching import Match, Near, Place, Properties, decide, parcel_key
from penstock.permits.records import Permit, Read, read
from penstock.permits.sources import SourceMap, named_sources, source

__all__ = [
    "Classifier",
    "Match",
    "Near",
    "Permit",
    "PermitFile",
    "Place",
    "Properties",
    "Read",
    "SourceMap",
    "Table",
    "Verdict",
    "decide",
    "load_table",
    "named_sources",
    "parcel_key",
    "read",
    "source",
    "standard",
]
