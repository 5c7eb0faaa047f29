"""The words of the two kinds of records: what a property or a company has, and what header words mean it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

import yaml

Subject = Literal["property", "company"]

# What a property record has, beside its phones and emails. Cleaning is in `records`.
FIELDS: Final = [
    "vendor_record_id",
    "vendor_list_id",
    "mak",
    "apn",
    "state",
    "county",
    "address_line1",
    "address_line2",
    "city",
    "postal_code",
    "zip4",
    "lat",
    "lng",
    "land_use",
    "year_built",
    "bedrooms",
    "bathrooms",
    "building_sqft",
    "lot_sqft",
    "property_value",
    "estimated_equity",
    "mortgage_balance",
    "last_sale_date",
    "last_sale_price",
    "owner_first_name",
    "owner_last_name",
    "owner_full_name",
    "owner_company",
    "age",
    "owner_occupied",
    "mailing_line1",
    "mailing_line2",
    "mailing_city",
    "mailing_state",
    "mailing_postal_code",
    "do_not_mail",
    "litigator",
    "deceased_owner",
    "subdivision",
    "roof_material",
    "roof_sqft",
    "has_mortgage",
    "has_liens",
    "recent_refinance",
    "recent_heloc",
]
# What a column may also bring: things that cleaning takes apart into fields.
INPUTS: Final = [
    "owner_name",
    "owner_name_2",
    "full_address",
    "city_state",
    "mailing_full_address",
    "mailing_city_state",
    "lot_acres",
    "half_bathrooms",
]

# What a company record has, beside the phones and emails of columns so named. Cleaning is in `company_records`.
COMPANY_FIELDS: Final = [
    *("company_name", "other_name", "ein", "website", "linkedin", "news"),
    *("address_line1", "address_line2", "city", "state", "postal_code", "country", "main_phone"),
    *("employees", "revenue", "industry", "renewal_month", "renewal_notice_window_days"),
    *("full_name", "title", "role", "profile", "direct_phone", "work_email"),
]
# The holder of a slot in columns of their own: the CEO's name, title, email, phone and profile page; and so on.
SLOT_FIELDS: Final = [
    f"{slot}_{what}" for slot in ("ceo", "cfo", "hr") for what in ("name", "title", "email", "phone", "profile")
]
COMPANY_INPUTS: Final = [
    *("any_name", "any_linkedin", "first_name", "last_name", "city_state", "full_address", "in_care_of"),
    *("company_email", "renewal_date"),
]


@dataclass(frozen=True)
class Vocabulary:
    """What records of a subject are made of: fields, and inputs that cleaning takes apart into fields."""

    subject: Subject
    fields: tuple[str, ...]
    inputs: tuple[str, ...]
    file: str  # header words by field or input

    @property
    def known(self) -> frozenset[str]:
        """Everything that a map may name."""
        return frozenset((*self.fields, *self.inputs))

    def words(self) -> Mapping[str, list[str]]:
        """Field or input to the header words that mean it, the surest first."""
        return _words(self.file)


VOCABULARIES: Final[Mapping[Subject, Vocabulary]] = {
    "property": Vocabulary("property", tuple(FIELDS), tuple(INPUTS), "synonyms.yaml"),
    "company": Vocabulary("company", (*COMPANY_FIELDS, *SLOT_FIELDS), tuple(COMPANY_INPUTS), "company_synonyms.yaml"),
}


@lru_cache(maxsize=2)
def _words(file: str) -> Mapping[str, list[str]]:
    text = (resources.files(__package__) / file).read_text("utf-8")
    found: dict[str, list[str]] = yaml.safe_load(text)
    return found
