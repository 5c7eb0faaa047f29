"""Components: the schema's faces as an npm package of typed React components.

In: the catalogue of the database, never a row. Out: a folder that `npm ci && npm run build` turns into a package.
What must always hold: the same schema and the same Penstock give the same bytes under the same version; anything else
gives another version; no sealed value is in it.
"""

from penstock.components.exporting import Export, export

__all__ = ["Export", "export"]
