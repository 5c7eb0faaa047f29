"""What a property search is asked and can answer, in our own words."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the map, degrees (WGS84)."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True)
class Area:
    """Where to look: a city with its state, a ZIP code, or a box. Exactly one of them."""

    city: str = ""
    state: str = ""
    postal_code: str = ""
    box: Box | None = None

    @property
    def key(self) -> str:
        """The same text for the same area, however it was written."""
        if self.box is not None:
            b = self.box
            return f"box {b.south:.5f} {b.west:.5f} {b.north:.5f} {b.east:.5f}"
        return self.postal_code or " ".join(f"{self.city} {self.state}".casefold().split())


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """A property as a vendor knows it; None where it says nothing. US dollars, square feet, degrees."""

    vendor_record_id: str
    apn: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    zip4: str | None = None
    county: str | None = None
    lat: float | None = None
    lng: float | None = None
    land_use: str | None = None
    year_built: int | None = None
    bedrooms: float | None = None
    bathrooms: float | None = None
    building_sqft: int | None = None
    lot_sqft: int | None = None
    property_value: float | None = None
    estimated_equity: float | None = None
    mortgage_balance: float | None = None
    last_sale_date: date | None = None
    last_sale_price: float | None = None
    owner_first_name: str | None = None
    owner_last_name: str | None = None
    owner_name: str | None = None  # where first and last name are not told apart
    owner_occupied: bool | None = None
    mailing_line1: str | None = None
    mailing_city: str | None = None
    mailing_state: str | None = None
    mailing_postal_code: str | None = None
    subdivision: str | None = None
    roof_material: str | None = None
    has_mortgage: bool | None = None
    has_liens: bool | None = None
    litigator: bool | None = None
    deceased_owner: bool | None = None
    do_not_mail: bool | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what an area holds; `found` is how many there are in all."""

    found: int
    places: tuple[FoundPlace, ...]
