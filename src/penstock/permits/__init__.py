"""Permits: what a town hall allowed to be built becomes a fact about a place.

In come the rows of open-data portals and of files; out go permits in one form, each with the kind of work it is for and
the property it belongs to. What must always hold: a row that makes no sense is set aside with its field and its reason,
and a permit is joined to a property only where there is no doubt which.
"""

from penstock.permits.classify import Classifier, Table, Verdict, load_table, standard

__all__ = ["Classifier", "Table", "Verdict", "load_table", "standard"]
