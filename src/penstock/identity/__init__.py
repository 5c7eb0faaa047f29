"""Identity: the same place, the same company and the same person, once.

In come staged rows with their keys; out go properties, companies, contacts, leads, and for each row whether it was new,
known or a repetition. What must always hold: a key belongs to one living thing, two different parcel numbers, address
keys or EINs are never made one, and rows taken in bulk end exactly where they would have ended one by one.
"""

from penstock.identity.companies import (
    CompanyKeys,
    clean_ein,
    clean_website,
    company_keys,
    email_domain,
    linkedin_company_key,
    name_keys,
    own_domain,
    person_name_key,
    plain_name,
    profile_key,
)
from penstock.identity.company_merge import (
    STAGED_COMPANY,
    MergedCompanies,
    make_keys,
    merge_companies,
    open_companies,
    outcomes,
)
from penstock.identity.merging import merge_properties, undo_merge
from penstock.identity.people import FoundPerson, Person, found_people, given_and_family, staged_person
from penstock.identity.service import STAGED, Merged, merge_staged, open_staging
from penstock.identity.slots import assign_slot
from penstock.identity.titles import SLOTS, Slot, TitleClaim, claim_of_title, slot_of_title

__all__ = [
    "SLOTS",
    "STAGED",
    "STAGED_COMPANY",
    "CompanyKeys",
    "FoundPerson",
    "Merged",
    "MergedCompanies",
    "Person",
    "Slot",
    "TitleClaim",
    "assign_slot",
    "claim_of_title",
    "clean_ein",
    "clean_website",
    "company_keys",
    "email_domain",
    "found_people",
    "given_and_family",
    "linkedin_company_key",
    "make_keys",
    "merge_companies",
    "merge_properties",
    "merge_staged",
    "name_keys",
    "open_companies",
    "open_staging",
    "outcomes",
    "own_domain",
    "person_name_key",
    "plain_name",
    "profile_key",
    "slot_of_title",
    "staged_person",
    "undo_merge",
]
