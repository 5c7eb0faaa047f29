import type { CalendarDate, Company, CompanySlot, Contact, ContactVerification, EmailStatus, NextRenewal, Sealed, Signal } from "./schema";

// Made up, all of it. What is sealed stands for a value that nobody outside the application can open.

/** The day on which the examples are looked at. */
export const today: CalendarDate = "2026-11-30";

/** Stands where a sealed value would; opens to nothing. */
const sealed = "example-sealed-value" as Sealed;

export const company: Company = {
  company_id: 1,
  company_name: "Brightwater Millworks, Inc.",
  ein: "00-0000001",
  website_url: "https://brightwater-millworks.example/",
  linkedin_url: "https://linkedin.example/company/brightwater-millworks",
  news_url: "https://brightwater-millworks.example/news",
  address_line1: "12 Sluice Street",
  address_line2: null,
  city: "Chattanooga",
  state_region: "TN",
  postal_code: "37402",
  country: "US",
  renewal_month: 2,
  renewal_notice_window_days: 120,
  created_at: "2026-06-01T09:00:00+00:00",
  updated_at: "2026-11-20T14:30:00+00:00",
  last_site_checked_at: "2026-11-20T14:30:00+00:00",
  last_linkedin_checked_at: "2026-11-18T08:10:00+00:00",
  last_news_checked_at: null,
};

/** A company of which little is known yet. */
export const newCompany: Company = {
  ...company,
  company_id: 2,
  company_name: "Tallgrass Dental Partners",
  ein: null,
  website_url: null,
  linkedin_url: null,
  news_url: null,
  address_line1: null,
  city: null,
  state_region: null,
  postal_code: null,
  renewal_month: null,
  last_site_checked_at: null,
  last_linkedin_checked_at: null,
};

const vacant: Omit<CompanySlot, "company_slot_id" | "role_code"> = {
  company_id: company.company_id,
  company_name: company.company_name,
  contact_id: null,
  full_name: null,
  title: null,
  email: null,
  phone: null,
  profile_source_url: null,
  email_status: null,
  email_checked_at: null,
  website_url: company.website_url,
  linkedin_url: company.linkedin_url,
  news_url: company.news_url,
};

function held(contact_id: number, full_name: string, title: string, email_status: EmailStatus): Omit<CompanySlot, "company_slot_id" | "role_code"> {
  return { ...vacant, contact_id, full_name, title, email: sealed, email_status };
}

/** Three slots held, each with another state of the email. */
export const slots: CompanySlot[] = [
  { ...held(11, "Maren Holt", "Chief Executive Officer", "yellow"), company_slot_id: 1, role_code: "CEO" },
  { ...held(12, "Ruben Castellano", "VP Finance", "green"), company_slot_id: 2, role_code: "CFO" },
  { ...held(13, "Ida Okafor", "Head of People", "red"), company_slot_id: 3, role_code: "HR" },
];

/** One slot held by somebody whose email nobody has checked, two vacant. */
export const vacantSlots: CompanySlot[] = [
  { ...held(14, "Theo Lindqvist", "Owner", "gray"), company_slot_id: 4, role_code: "CEO" },
  { ...vacant, company_slot_id: 5, role_code: "CFO" },
  { ...vacant, company_slot_id: 6, role_code: "HR" },
];

export const renewal: NextRenewal = {
  company_id: company.company_id,
  company_name: company.company_name,
  renewal_month: 2,
  renewal_notice_window_days: 120,
  next_renewal_date: "2027-02-01",
  campaign_window_start: "2026-10-04",
};

export const signals: Signal[] = [
  {
    signal_id: 1,
    company_id: company.company_id,
    reason: "renewal_window_open_120d",
    payload: { next_renewal_date: "2027-02-01" },
    created_at: "2026-10-04T07:00:00+00:00",
    processed_at: "2026-10-04T07:01:00+00:00",
  },
  {
    signal_id: 2,
    company_id: company.company_id,
    reason: "executive_movement",
    payload: { role_code: "CFO", joined: "Ruben Castellano" },
    created_at: "2026-11-18T08:10:00+00:00",
    processed_at: null,
  },
];

export const contact: Contact = {
  contact_id: 12,
  full_name: "Ruben Castellano",
  title: "VP Finance",
  email: sealed,
  phone: sealed,
  profile_source_url: "https://linkedin.example/in/ruben-castellano",
  last_profile_checked_at: "2026-11-18T08:10:00+00:00",
  created_at: "2026-06-01T09:00:00+00:00",
  updated_at: "2026-11-18T08:10:00+00:00",
};

export const verification: ContactVerification = {
  contact_id: contact.contact_id,
  email_status: "green",
  email_checked_at: "2026-11-12T10:00:00+00:00",
  email_confidence: 97,
  email_source_url: null,
};
