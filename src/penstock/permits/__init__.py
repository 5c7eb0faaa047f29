"""Permits: what a town hall allowed to be built becomes a fact about a place.

In come the rows of open-data portals and of files; out go permits in one form, each with the kind of work it is for and
the property it belongs to. What must always hold: a row that makes no sense is set aside with its field and its reason,
read = new + changed + unchanged + repeated + refused, and a permit is joined to a property only where there is no doubt
which, whichever of the two came first.
"""

from penstock.permits.classify import Classifier, Table, Verdict, load_table, standard
from penstock.permits.files import PermitFile
from penstock.permits.listing import Filters, listed, opened, rejections, shown, sources
from penstock.permits.matching import Match, Near, Place, Properties, decide, parcel_key
from penstock.permits.pulling import Pulled, follow, pull, pull_followed, sources_of, unfollow
from penstock.permits.records import Permit, Read, read
from penstock.permits.sources import SourceMap, named_sources, source
from penstock.permits.store import Imported, import_file
from penstock.permits.tasks import pump as decide_due

__all__ = [
    "Classifier",
    "Filters",
    "Imported",
    "Match",
    "Near",
    "Permit",
    "PermitFile",
    "Place",
    "Properties",
    "Pulled",
    "Read",
    "SourceMap",
    "Table",
    "Verdict",
    "decide",
    "decide_due",
    "follow",
    "import_file",
    "listed",
    "load_table",
    "named_sources",
    "opened",
    "parcel_key",
    "pull",
    "pull_followed",
    "read",
    "rejections",
    "shown",
    "source",
    "sources",
    "sources_of",
    "standard",
    "unfollow",
]
