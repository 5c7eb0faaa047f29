-- People who use Penstock, places, contacts, leads.

create table app.users (
  org_id int not null references app.orgs, id uuid not null default gen_random_uuid(),
  email text not null check (email = lower(email)), password_hash text not null, name text not null,
  user_role text not null check (user_role in ('admin', 'operator', 'auditor', 'broker')),
  is_active boolean not null default true, created_at timestamptz not null default app.now(), last_signed_in_at timestamptz,
  primary key (org_id, id), unique (email)
);
select app.tenant_table('users');
create policy own_row on app.users for select to authenticated using (id = (select auth.uid()));
revoke select on app.users from authenticated;
grant select (org_id, id, email, name, user_role, is_active, created_at, last_signed_in_at) on app.users to authenticated;
select app.describe('users', 'Somebody who signs in. A broker''s user carries the broker''s id.', $$
org_id: tenant
id: user, the claim sub
email: sign-in name, lower case, unique over all tenants
password_hash: argon2id
name: shown name
user_role: admin, operator, auditor (reads everything) or broker (sees assigned leads)
is_active: false refuses sign-in
created_at: when made
last_signed_in_at: last sign-in
$$);

create table app.api_keys (
  org_id int not null references app.orgs, id uuid not null default gen_random_uuid(),
  name text not null, prefix text not null unique, secret_hash text not null, signing_secret_sealed text not null,
  scopes text[] not null default '{}', allow_v1 boolean not null default false,
  created_at timestamptz not null default app.now(), last_used_at timestamptz, revoked_at timestamptz,
  primary key (org_id, id)
);
select app.tenant_table('api_keys');
revoke select on app.api_keys from authenticated;
select app.describe('api_keys', 'A key for machines: bearer of scopes and signer of uploads.', $$
org_id: tenant
id: key
name: what uses it
prefix: first part, shown and sent as X-Key-Id
secret_hash: SHA-256 of the secret part
signing_secret_sealed: secret that signs uploads, sealed
scopes: what it may do (leads:read, uploads:write…)
allow_v1: accepts the old body-only signature
created_at: when made
last_used_at: last request
revoked_at: no longer accepted from then on
$$);

create table app.brokers (
  org_id int not null references app.orgs, id uuid not null default gen_random_uuid(),
  name text not null, company text, email text not null, phone text, timezone text not null default 'America/Los_Angeles',
  daily_cap int not null default 250 check (daily_cap between 0 and 10000), is_active boolean not null default true,
  calendar_username text, calendar_event_slug text, calendar_event_type_id int,
  webhook_url text, webhook_secret_sealed text, created_at timestamptz not null default app.now(),
  primary key (org_id, id)
);
select app.tenant_table('brokers');
create policy own_row on app.brokers for select to authenticated using (id = (select auth.uid()));
select app.describe('brokers', 'Who gets the appointments.', $$
org_id: tenant
id: broker; equals the user id of the broker''s sign-in
name: person
company: firm
email: where appointments are announced
phone: E.164
timezone: IANA zone of the calendar
daily_cap: leads the feeder may start for this broker on a weekday
is_active: gets new leads
calendar_username: user name in the calendar service
calendar_event_slug: event type in booking links
calendar_event_type_id: event type in API calls
webhook_url: where appointments are posted, signed
webhook_secret_sealed: signing secret, sealed
created_at: when made
$$);

create table app.uploads (
  org_id int not null references app.orgs, id uuid not null default gen_random_uuid(),
  name text not null, source text not null, playbook text not null, map_name text not null default 'auto',
  content_sha256 text not null, bytes bigint not null default 0, actor text not null, api_key_id uuid,
  state text not null default 'received' check (state in ('receiving', 'received', 'running', 'done', 'failed')),
  rows_read int, inserted int, updated int, duplicate_in_file int, rejected int, warnings jsonb not null default '{}', error text,
  created_at timestamptz not null default app.now(), started_at timestamptz, finished_at timestamptz,
  primary key (org_id, id),
  constraint done_is_conserved check (state <> 'done' or rows_read = inserted + updated + duplicate_in_file + rejected)
);
select app.tenant_table('uploads');
create index uploads_due on app.uploads (org_id, created_at) where state in ('received', 'running');
create index uploads_content on app.uploads (org_id, content_sha256, created_at desc);
select app.describe('uploads', 'A file of records that came in, and what became of its rows: read = inserted + updated + duplicate + rejected.', $$
org_id: tenant
id: upload
name: file name as given
source: where the records come from (a vendor or county name)
playbook: whose leads the rows become
map_name: column map: auto, a named map, or the path of a YAML map
content_sha256: hash of the bytes; the replay guard looks here
bytes: size as received
actor: who sent it
api_key_id: key that signed it, if any
state: receiving, received, running, done or failed
rows_read: data rows in the file
inserted: rows that made a new property
updated: rows that met a known property
duplicate_in_file: rows that repeat an earlier row of the file
rejected: rows refused, each in app.rejected_rows
warnings: field values that made no sense and were left empty, counted by field
error: why the file as a whole was refused
created_at: received
started_at: work began
finished_at: work ended
$$);

create table app.upload_chunks (
  org_id int not null, upload_id uuid not null, part int not null, bytes_sealed bytea not null,
  primary key (org_id, upload_id, part), foreign key (org_id, upload_id) references app.uploads (org_id, id) on delete cascade
);
select app.tenant_table('upload_chunks');
revoke select on app.upload_chunks from authenticated;
select app.describe('upload_chunks', 'The bytes of an upload until it is merged, so that any worker can go on with it.', $$
org_id: tenant
upload_id: upload
part: order, from 0
bytes_sealed: sealed bytes
$$);

create table app.properties (
  org_id int not null references app.orgs, id bigint generated by default as identity,
  mak text, apn text, apn_raw text, state text check (state ~ '^[A-Z]{2}$'), county text, addr_hash text,
  address_line1 text, address_line2 text, city text, postal_code text, zip4 text, lat double precision, lng double precision,
  land_use text, year_built int, bedrooms numeric(5, 1), bathrooms numeric(5, 1), building_sqft int, lot_sqft bigint,
  property_value numeric(14, 2), estimated_equity numeric(14, 2), mortgage_balance numeric(14, 2),
  last_sale_date date, last_sale_price numeric(14, 2), owner_occupied boolean,
  owner_first_name text, owner_last_name text, owner_full_name text, owner_company text,
  mailing_line1 text, mailing_line2 text, mailing_city text, mailing_state text, mailing_postal_code text,
  source text not null, upload_id uuid, row_number int, merged_into bigint, created_at timestamptz not null default app.now(),
  primary key (org_id, id),
  foreign key (org_id, upload_id) references app.uploads (org_id, id),
  foreign key (org_id, merged_into) references app.properties (org_id, id),
  constraint a_place_has_a_key check (coalesce(mak, apn, addr_hash) is not null),
  constraint year_built_is_possible check (year_built between 1600 and 2100),
  constraint coordinates_are_on_earth check (lat between -90 and 90 and lng between -180 and 180)
) with (fillfactor = 80);
create unique index ux_properties_mak on app.properties (org_id, mak) where mak is not null and merged_into is null;
create unique index ux_properties_apn on app.properties (org_id, state, county, apn) nulls not distinct where apn is not null and merged_into is null;
create unique index ux_properties_addr on app.properties (org_id, addr_hash) where addr_hash is not null and merged_into is null;
select app.tenant_table('properties');
select app.describe('properties', 'A place, once per tenant: its identity keys and the wide facts, rewritten only when they differ.', $$
org_id: tenant
id: property
mak: Melissa address key, 10 digits, unit included: the surest identity
apn: parcel number, letters and digits only, unique within state and county
apn_raw: parcel number as the county writes it
state: two letters
county: upper case, without the word county
addr_hash: hash of the normalised address, unit included (api.compute_addr_hash); shared:… where another key already holds the address
address_line1: street line without unit
address_line2: unit
city: city
postal_code: five digits
zip4: last four
lat: degrees, WGS84
lng: degrees, WGS84
land_use: as the source says
year_built: year
bedrooms: count
bathrooms: count
building_sqft: square feet
lot_sqft: square feet
property_value: US dollars
estimated_equity: US dollars
mortgage_balance: US dollars
last_sale_date: day
last_sale_price: US dollars
owner_occupied: the owner lives there; null is unknown
owner_first_name: owner of record
owner_last_name: owner of record
owner_full_name: owner as the source writes it
owner_company: owner if it is a company or trust
mailing_line1: where the owner gets mail
mailing_line2: unit of it
mailing_city: city of it
mailing_state: state of it
mailing_postal_code: ZIP of it
source: first source of the row
upload_id: upload of the first row
row_number: row in that upload, the header being row 1
merged_into: the property this one turned out to be; such a row is out of every view
created_at: first seen
$$);

create table app.property_seen (
  org_id int not null, property_id bigint not null, first_seen_at timestamptz not null, last_seen_at timestamptz not null,
  times_seen int not null default 1, content_hash text,
  primary key (org_id, property_id), foreign key (org_id, property_id) references app.properties (org_id, id) on delete cascade
) with (fillfactor = 50);
select app.tenant_table('property_seen');
select app.describe('property_seen', 'The narrow, often written side of a property.', $$
org_id: tenant
property_id: property
first_seen_at: first time in any file or pull
last_seen_at: last time
times_seen: uploads and pulls that held it
content_hash: hash of the last row, so that an unchanged row costs one narrow write
$$);

create table app.property_vendor_ids (
  org_id int not null, source text not null, vendor_record_id text not null, vendor_list_id text, property_id bigint not null, first_seen_at timestamptz not null default app.now(),
  primary key (org_id, source, vendor_record_id), foreign key (org_id, property_id) references app.properties (org_id, id) on delete cascade
);
create index property_vendor_ids_property on app.property_vendor_ids (org_id, property_id);
select app.tenant_table('property_vendor_ids');
select app.describe('property_vendor_ids', 'Names that vendors and counties give a place: the last of the identity keys.', $$
org_id: tenant
source: vendor or county
vendor_record_id: its id for the place
vendor_list_id: list or batch it came in
property_id: property
first_seen_at: first seen
$$);

create table app.property_merges (
  org_id int not null, id bigint generated by default as identity, kept_id bigint not null, gone_id bigint not null,
  reason text not null, before jsonb not null, merged_at timestamptz not null default app.now(), undone_at timestamptz,
  primary key (org_id, id), foreign key (org_id, kept_id) references app.properties (org_id, id), foreign key (org_id, gone_id) references app.properties (org_id, id)
);
select app.tenant_table('property_merges');
select app.describe('property_merges', 'Two rows that turned out to be one place, with all that is needed to part them again.', $$
org_id: tenant
id: merge
kept_id: property that stays
gone_id: property that went into it
reason: which key showed it
before: what the merge changed, as it was
merged_at: when
undone_at: parted again
$$);

create table app.contacts (
  org_id int not null references app.orgs, id bigint generated by default as identity, owner_key text not null,
  kind text not null default 'person' check (kind in ('person', 'company')),
  first_name text, last_name text, full_name text, company text, age int check (age between 0 and 130),
  mailing_line1 text, mailing_line2 text, mailing_city text, mailing_state text, mailing_postal_code text,
  is_deceased boolean not null default false, is_litigator boolean not null default false, do_not_mail boolean not null default false,
  needs_review_since timestamptz, review_reason text, declared_state text, declared_timezone text,
  source text not null, created_at timestamptz not null default app.now(), merged_into bigint,
  primary key (org_id, id), unique (org_id, owner_key), foreign key (org_id, merged_into) references app.contacts (org_id, id)
);
select app.tenant_table('contacts');
select app.describe('contacts', 'A person (or the people behind a company): one row per owner name and mailing address.', $$
org_id: tenant
id: contact
owner_key: hash of normalised name and mailing address: three places of one owner are one contact
kind: person or company
first_name: given name
last_name: family name
full_name: as the source writes it
company: company or trust
age: years, if a source says so; never used to price or refuse
mailing_line1: where mail reaches them
mailing_line2: unit
mailing_city: city
mailing_state: state
mailing_postal_code: ZIP
is_deceased: a source says so: never contacted
is_litigator: on a litigator list: never contacted
do_not_mail: asked for no post
needs_review_since: something must be read by a person before any contact (SUPP_PENDING_REVIEW)
review_reason: what
declared_state: state the person gave; adds to the candidate states
declared_timezone: zone the person gave; adds to the candidate zones
source: first source
created_at: when
merged_into: the contact this one turned out to be
$$);

create table app.vendor_calls (
  org_id int not null references app.orgs, id bigint generated by default as identity,
  vendor text not null, operation text not null, request_hash text not null, window_start date not null,
  status text not null default 'reserved' check (status in ('reserved', 'answered', 'applied', 'in_doubt', 'settled', 'released', 'refused')),
  price_cents numeric(10, 3) not null check (price_cents >= 0), cost_cents numeric(10, 3) not null check (cost_cents >= 0), lead_id uuid, contact_id bigint, contact_point_id bigint, playbook text,
  worker_id uuid, attempts int not null default 1, found boolean, answer_sealed text, error text,
  reserved_at timestamptz not null default app.now(), called_at timestamptz, answered_at timestamptz, applied_at timestamptz,
  primary key (org_id, id), unique (org_id, vendor, operation, request_hash, window_start),
  constraint answered_has_its_answer check (status not in ('answered', 'applied') or answered_at is not null),
  constraint released_costs_nothing check (status not in ('released', 'refused') or cost_cents = 0)
);
create index vendor_calls_spend on app.vendor_calls (org_id, reserved_at) include (vendor, playbook, cost_cents);
create index vendor_calls_lead on app.vendor_calls (org_id, lead_id);
create index vendor_calls_open on app.vendor_calls (org_id, reserved_at) where status in ('reserved', 'answered', 'in_doubt');
select app.tenant_table('vendor_calls');
revoke select on app.vendor_calls from authenticated;
grant select (org_id, id, vendor, operation, status, price_cents, cost_cents, lead_id, contact_id, contact_point_id, playbook, found, reserved_at, answered_at) on app.vendor_calls to authenticated;
select app.describe('vendor_calls', 'The ledger and the lease in one: whoever inserts the row may make the paid call, nobody else, ever, within the window.', $$
org_id: tenant
id: call
vendor: who is paid
operation: what is bought
request_hash: hash of the normalised request
window_start: start of the freshness window; the same question is not bought twice within it
status: reserved (price counted, call may be made), answered (answer stored), applied (facts written), in_doubt (the worker died: counted as spent), settled (in doubt, closed by rule), released (never reached the vendor; may be reserved again), refused (vendor refused for good)
price_cents: price at reservation, US cents
cost_cents: what counts as spent, US cents
lead_id: lead it was bought for
contact_id: contact it was bought for
contact_point_id: phone or email it was bought for
playbook: whose cap it counts against
worker_id: who reserved it
attempts: reservations of this row, counting the released ones
found: the vendor had something
answer_sealed: the raw answer, sealed
error: last trouble
reserved_at: when reserved
called_at: when the request went out
answered_at: when the answer was stored
applied_at: when its facts were written
$$);

create table app.spend_caps (
  org_id int not null references app.orgs, id bigint generated by default as identity, scope text not null check (scope in ('org_day', 'vendor_day', 'lead', 'playbook_day')),
  vendor text, playbook text, cap_cents numeric(12, 3) not null check (cap_cents >= 0),
  primary key (org_id, id), unique nulls not distinct (org_id, scope, vendor, playbook)
);
select app.tenant_table('spend_caps');
select app.describe('spend_caps', 'What may be spent, checked in the statement that reserves.', $$
org_id: tenant
id: cap
scope: org_day, vendor_day, playbook_day (calendar day of the org) or lead (over its life)
vendor: for vendor_day
playbook: for playbook_day
cap_cents: US cents
$$);

create table app.vendor_circuits (
  org_id int not null references app.orgs, vendor text not null, failures int not null default 0, open_until timestamptz, tokens double precision not null default 0, refilled_at timestamptz,
  last_error text, changed_at timestamptz not null default app.now(), primary key (org_id, vendor)
);
select app.tenant_table('vendor_circuits');
select app.describe('vendor_circuits', 'Circuit breaker and rate limit of a vendor, shared by all workers.', $$
org_id: tenant
vendor: vendor
failures: in a row
open_until: no call before then
tokens: requests that may go out now
refilled_at: when tokens were last counted
last_error: last trouble, without personal data
changed_at: last change
$$);

create table app.contact_points (
  org_id int not null references app.orgs, id bigint generated by default as identity, contact_id bigint not null,
  kind text not null check (kind in ('phone', 'email')), value text not null, source text not null, vendor_call_id bigint,
  score numeric(5, 2) check (score between 0 and 100), verified boolean not null default false, status app.email_status not null default 'gray',
  line_type text check (line_type in ('mobile', 'landline', 'voip', 'unknown')), codes text[] not null default '{}',
  verified_at timestamptz, line_type_checked_at timestamptz, dnc_listed boolean, dnc_checked_at timestamptz,
  soft_bounces int not null default 0, bounced_at timestamptz, is_invalid boolean not null default false, added_at timestamptz not null default app.now(),
  primary key (org_id, id), unique (org_id, contact_id, kind, value),
  foreign key (org_id, contact_id) references app.contacts (org_id, id) on delete cascade, foreign key (org_id, vendor_call_id) references app.vendor_calls (org_id, id),
  constraint verified_says_when check (not verified or verified_at is not null), constraint only_phones_have_a_line_type check (kind = 'phone' or line_type is null)
);
create index contact_points_value on app.contact_points (org_id, kind, value);
create index contact_points_unverified on app.contact_points (org_id, added_at) where verified_at is null and not is_invalid;
create index contact_points_plain on app.contact_points (org_id, id) where value !~ '^s[0-9]+\.';
select app.tenant_table('contact_points');
select app.describe('contact_points', 'A phone or email of a contact, sealed, with where it came from and what is known of it.', $$
org_id: tenant
id: contact point
contact_id: whose
kind: phone or email
value: sealed E.164 number or lower-case address; a plain value written by hand is sealed by the next sweep
source: file or vendor it came from
vendor_call_id: the paid call that bought it
score: the source''s confidence, 0 to 100
verified: a check says it is alive
status: green deliverable, yellow risky, red dead, gray unknown
line_type: mobile, landline, voip or unknown, for phones
codes: result codes of all checks
verified_at: last check
line_type_checked_at: last carrier look-up
dnc_listed: on the national do-not-call list; null is unknown
dnc_checked_at: when that was asked
soft_bounces: temporary bounces in a row
bounced_at: last bounce
is_invalid: not a phone or email at all: found at sealing or checking
added_at: when first known
$$);

create table app.leads (
  org_id int not null references app.orgs, id uuid not null default gen_random_uuid(), playbook text not null, property_id bigint, contact_id bigint,
  source text not null default 'manual', vendor_record_id text, vendor_list_id text, upload_id uuid, row_number int,
  lead_status app.lead_status not null default 'new', campaign_status app.campaign_status not null default 'new', sales_stage app.sales_stage not null default 'new', status_reason text,
  quality_score numeric(5, 2) not null default 0 check (quality_score between 0 and 100), lead_score int not null default 0 check (lead_score between 0 and 100),
  priority app.priority not null generated always as (case when lead_score >= 75 then 'HOT'::app.priority when lead_score >= 50 then 'WARM'::app.priority else 'COLD'::app.priority end) stored,
  scored_at timestamptz, facts_changed_at timestamptz not null default app.now(), waterfall_step int not null default 0, waterfall_exhausted_at timestamptz,
  assigned_broker_id uuid, assigned_persona text, added_to_campaign_at timestamptz, current_sequence_step int not null default 0, last_reply_at timestamptz,
  consent boolean not null default false, consented_at timestamptz, consent_method text,
  vapi_call_id text, call_attempt_count int not null default 0 check (call_attempt_count >= 0), next_call_at timestamptz,
  merged_into uuid, first_seen_at timestamptz not null default app.now(), last_seen_at timestamptz not null default app.now(), updated_at timestamptz not null default app.now(),
  primary key (org_id, id),
  foreign key (org_id, property_id) references app.properties (org_id, id), foreign key (org_id, contact_id) references app.contacts (org_id, id),
  foreign key (org_id, upload_id) references app.uploads (org_id, id), foreign key (org_id, merged_into) references app.leads (org_id, id),
  foreign key (org_id, assigned_broker_id) references app.brokers (org_id, id) on delete set null (assigned_broker_id),
  constraint consent_requires_timestamp check (consent = false or consented_at is not null),
  constraint replied_says_when check (campaign_status <> 'replied' or last_reply_at is not null or consented_at is not null),
  constraint active_says_when check (campaign_status <> 'active' or added_to_campaign_at is not null)
) with (fillfactor = 50);
-- Every import touches last_seen_at of all its leads in one transaction: it stands in no index, and each page has room for
-- all its rows twice, so that a touch stays within its page and writes no index (HOT).
create unique index ux_leads_subject on app.leads (org_id, playbook, property_id) where property_id is not null and merged_into is null;
create unique index ux_leads_vendor on app.leads (org_id, playbook, source, vendor_record_id) where vendor_record_id is not null and merged_into is null;
create index leads_contact on app.leads (org_id, contact_id);
create index leads_feed_hot_idx on app.leads (org_id, lead_score desc, first_seen_at, id) include (assigned_broker_id, contact_id) where campaign_status = 'queued' and lead_status = 'contactable' and merged_into is null;
create index leads_to_score on app.leads (org_id, facts_changed_at) where (scored_at is null or scored_at < facts_changed_at) and merged_into is null;
create index leads_to_enrich on app.leads (org_id, first_seen_at) where waterfall_exhausted_at is null and merged_into is null;
create index leads_replied_lookup_idx on app.leads (org_id, last_reply_at desc) where campaign_status = 'replied';
create index leads_calls_due on app.leads (org_id, next_call_at) where consent and campaign_status in ('active', 'replied') and merged_into is null;
create index leads_broker on app.leads (org_id, assigned_broker_id, lead_score desc, id) where assigned_broker_id is not null;
create index leads_page_score on app.leads (org_id, lead_score desc, id);
select app.tenant_table('leads');
create policy broker_leads_read on app.leads for select to authenticated using (assigned_broker_id = (select auth.uid()));
create policy broker_leads_insert on app.leads for insert to authenticated with check (assigned_broker_id = (select auth.uid()));
create policy broker_leads_modify on app.leads for update to authenticated using (assigned_broker_id = (select auth.uid())) with check (assigned_broker_id = (select auth.uid()));
create policy staff_modify on app.leads for update to authenticated using ((select app.is_staff()) and auth.jwt() ->> 'user_role' <> 'auditor') with check (true);
create policy pipeline_leads_write on app.leads to service_role, pipeline_writer using ((select auth.role()) in ('service_role', 'pipeline_writer')) with check ((select auth.role()) in ('service_role', 'pipeline_writer'));
grant insert, update, select on app.leads to pipeline_writer;
grant update (sales_stage, status_reason, assigned_persona, updated_at) on app.leads to authenticated;
grant insert (org_id, playbook, property_id, contact_id, source, vendor_record_id, vendor_list_id, assigned_broker_id, assigned_persona) on app.leads to authenticated;
select app.describe('leads', 'One tenant''s interest in one subject under one playbook: statuses, scores, counters. Narrow, because it changes often.', $$
org_id: tenant
id: lead
playbook: which playbook works it
property_id: the place
contact_id: the owner
source: where the lead came from
vendor_record_id: the source''s id
vendor_list_id: list or batch
upload_id: upload of the first row
row_number: row in that upload, the header being row 1
lead_status: how reachable: new, enriched, contactable, do_not_contact
campaign_status: where in outreach
sales_stage: where in the sale
status_reason: why the last status was set
quality_score: how well reachable and fitting, 0 to 100
lead_score: how promising, 0 to 100, by the playbook
priority: HOT from 75, WARM from 50, else COLD
scored_at: last scoring
facts_changed_at: last change of a fact that scoring looks at
waterfall_step: steps of the waterfall done
waterfall_exhausted_at: nothing more to buy: routing may rule the lead out
assigned_broker_id: who gets the appointment
assigned_persona: who writes
added_to_campaign_at: when outreach began
current_sequence_step: messages sent
last_reply_at: last reply of the person
consent: written consent to be called by an AI voice is on file
consented_at: when it was given
consent_method: how: form
vapi_call_id: last call
call_attempt_count: calls placed
next_call_at: no call before then
merged_into: the lead this one went into
first_seen_at: first seen
last_seen_at: last seen in a file or pull
updated_at: last change
$$);

select app.visible_with_lead('vendor_calls');
create policy broker_read on app.contacts for select to authenticated using (exists (select 1 from app.leads l where l.org_id = contacts.org_id and l.contact_id = contacts.id));
create policy broker_read on app.properties for select to authenticated using (exists (select 1 from app.leads l where l.org_id = properties.org_id and l.property_id = properties.id));
create policy broker_read on app.property_seen for select to authenticated using (exists (select 1 from app.leads l where l.org_id = property_seen.org_id and l.property_id = property_seen.property_id));
create policy broker_read on app.contact_points for select to authenticated using (exists (select 1 from app.leads l where l.org_id = contact_points.org_id and l.contact_id = contact_points.contact_id));
create index leads_property on app.leads (org_id, property_id);

create function app.guard_lead_change() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  perform app.refuse_transition('lead_status', old.lead_status::text, new.lead_status::text);
  perform app.refuse_transition('campaign_status', old.campaign_status::text, new.campaign_status::text);
  perform app.refuse_transition('sales_stage', old.sales_stage::text, new.sales_stage::text);
  new.updated_at := app.now();
  return new;
end $$;
create trigger trg_guard_lead_change before update of lead_status, campaign_status, sales_stage on app.leads
  for each row when (old.lead_status is distinct from new.lead_status or old.campaign_status is distinct from new.campaign_status or old.sales_stage is distinct from new.sales_stage)
  execute function app.guard_lead_change();

create function app.set_added_to_campaign_at() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  new.added_to_campaign_at := coalesce(new.added_to_campaign_at, app.now());
  return new;
end $$;
create trigger trg_set_added_to_campaign_at before update of campaign_status on app.leads
  for each row when (new.campaign_status = 'active' and old.campaign_status is distinct from 'active') execute function app.set_added_to_campaign_at();

create table app.upload_rows (
  org_id int not null, upload_id uuid not null, row_number int not null, outcome text not null check (outcome in ('inserted', 'updated', 'duplicate_in_file')),
  property_id bigint not null, first_row int,
  primary key (org_id, upload_id, row_number), foreign key (org_id, upload_id) references app.uploads (org_id, id) on delete cascade
);
select app.tenant_table('upload_rows');
select app.describe('upload_rows', 'What became of each accepted row of a file.', $$
org_id: tenant
upload_id: upload
row_number: row as a spreadsheet counts: the header is row 1
outcome: inserted, updated or duplicate_in_file
property_id: the place it is
first_row: for a duplicate, the row it repeats
$$);

create table app.rejected_rows (
  org_id int not null, upload_id uuid not null, row_number int not null, field text, reason text not null, fix text not null, raw_sealed text,
  primary key (org_id, upload_id, row_number), foreign key (org_id, upload_id) references app.uploads (org_id, id) on delete cascade
);
select app.tenant_table('rejected_rows');
select app.describe('rejected_rows', 'Rows that were refused, each with its reason and the fix; they can be downloaded, mended and sent again.', $$
org_id: tenant
upload_id: upload
row_number: row as a spreadsheet counts: the header is row 1
field: column at fault
reason: what is wrong
fix: what to do
raw_sealed: the row as it came, sealed
$$);

create table app.lead_source_events (
  org_id int not null references app.orgs, id bigint generated by default as identity, source text not null, query_sig text not null, pull_params jsonb not null default '{}', page_number int,
  seen_vendor_ids text[] not null default '{}', first_id text, last_id text, created_at timestamptz not null default app.now(), primary key (org_id, id)
);
create index idx_source_events_source_page on app.lead_source_events (org_id, source, page_number);
create index idx_source_events_created on app.lead_source_events (org_id, created_at desc);
create index idx_source_events_vendor_ids on app.lead_source_events using gin (seen_vendor_ids);
select app.tenant_table('lead_source_events');
select app.describe('lead_source_events', 'Every page pulled from a list vendor: stop when known.', $$
org_id: tenant
id: event
source: vendor
query_sig: hash of the normalised query
pull_params: the query
page_number: page
seen_vendor_ids: record ids on the page
first_id: first of them
last_id: last of them
created_at: when
$$);

create table app.source_bookmarks (
  org_id int not null references app.orgs, id bigint generated by default as identity, source text not null, query_sig text not null, last_page_fetched int not null default 0,
  last_seen_vendor_id text, head_vendor_id text, updated_at timestamptz not null default app.now(), primary key (org_id, id), unique (org_id, source, query_sig)
);
create index idx_bookmarks_updated on app.source_bookmarks (org_id, updated_at desc);
select app.tenant_table('source_bookmarks');
select app.describe('source_bookmarks', 'Where reading a list vendor stopped, per query.', $$
org_id: tenant
id: bookmark
source: vendor
query_sig: hash of the normalised query
last_page_fetched: backfill cursor: the last page read
last_seen_vendor_id: last record id read by the backfill
head_vendor_id: head cursor: the newest record id read
updated_at: when
$$);

create table app.verification_code_map (
  provider text not null, channel text not null check (channel in ('email', 'phone')), code text not null, is_verified boolean not null, status app.email_status not null, line_type text, meaning text,
  primary key (provider, channel, code)
);
select app.describe('verification_code_map', 'What a checker''s result code means for us.', $$
provider: who said it
channel: email or phone
code: result code
is_verified: alive
status: green, yellow, red or gray
line_type: what it says of the line, if anything
meaning: in words
$$);
grant select on app.verification_code_map to authenticated, service_role, pipeline_writer;
grant insert, update on app.verification_code_map to service_role;
insert into app.verification_code_map (provider, channel, code, is_verified, status, line_type, meaning) values
  ('melissa', 'email', 'ES01', true, 'green', null, 'mailbox is deliverable'), ('melissa', 'email', 'ES02', false, 'red', null, 'invalid'),
  ('melissa', 'email', 'ES03', false, 'gray', null, 'unknown'), ('melissa', 'email', 'ES04', false, 'red', null, 'mobile domain'), ('melissa', 'email', 'ES05', false, 'red', null, 'disposable'),
  ('melissa', 'email', 'ES06', false, 'red', null, 'spam trap domain'), ('melissa', 'email', 'ES07', false, 'yellow', null, 'accepts all'), ('melissa', 'email', 'ES08', false, 'yellow', null, 'role address'),
  ('melissa', 'email', 'ES32', false, 'red', null, 'phishing'), ('melissa', 'email', 'ES33', false, 'red', null, 'scam'), ('melissa', 'email', 'ES34', false, 'red', null, 'malware'), ('melissa', 'email', 'ES35', false, 'red', null, 'malicious'),
  ('melissa', 'email', 'ES36', false, 'red', null, 'spam trap mailbox'), ('melissa', 'email', 'EE01', false, 'red', null, 'syntax'), ('melissa', 'email', 'EE02', false, 'red', null, 'domain not found'),
  ('melissa', 'email', 'EE03', false, 'red', null, 'mail server not found'), ('melissa', 'email', 'EE04', false, 'red', null, 'no such mailbox'),
  ('melissa', 'phone', 'PS01', true, 'green', null, 'valid'), ('melissa', 'phone', 'PS07', true, 'green', 'mobile', 'cellular'), ('melissa', 'phone', 'PS08', true, 'green', 'landline', 'landline'), ('melissa', 'phone', 'PS09', true, 'green', 'voip', 'VoIP'),
  ('melissa', 'phone', 'PE01', false, 'red', null, 'invalid'), ('melissa', 'phone', 'PE03', false, 'red', null, 'bad length'), ('melissa', 'phone', 'PE05', false, 'red', null, 'bad prefix'),
  ('batchdata', 'phone', 'reachable', true, 'green', null, 'line answers'), ('batchdata', 'phone', 'unreachable', false, 'red', null, 'line is dead'), ('batchdata', 'phone', 'not_found', false, 'gray', null, 'nothing known'),
  ('batchdata', 'phone', 'untested', false, 'gray', null, 'not tested'), ('batchdata', 'phone', 'Mobile', false, 'gray', 'mobile', 'line type'), ('batchdata', 'phone', 'Land Line', false, 'gray', 'landline', 'line type'), ('batchdata', 'phone', 'Voip', false, 'gray', 'voip', 'line type');
