"""Intake: a record becomes a lead, or a rejected row with its reason.

In come files of any make, records one by one, and pages of a vendor's list; out go staged rows for identity, and an
account of every row. What must always hold: read = inserted + updated + duplicate in file + rejected, and a crash
leaves nothing half-written.
"""

from penstock.intake import loads
from penstock.intake import normalise as cells
from penstock.intake.promotion import Promoted, execute_pipeline
from penstock.intake.reader import BadFile, Rejection, Row, Table
from penstock.intake.search import Bought, areas_of, count_places, search_places
from penstock.intake.service import UploadReport, choose_playbook, import_file
from penstock.intake.workbook import XLS, XLSX, Workbook

__all__ = [
    "XLS",
    "XLSX",
    "BadFile",
    "Bought",
    "Promoted",
    "Rejection",
    "Row",
    "Table",
    "UploadReport",
    "Workbook",
    "areas_of",
    "cells",
    "choose_playbook",
    "count_places",
    "execute_pipeline",
    "import_file",
    "loads",
    "search_places",
]
