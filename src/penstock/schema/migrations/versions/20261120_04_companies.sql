-- Companies, the people in their slots, what is watched of them and what followed from it.

-- Faces hold no data, but for the sequences and enums that documents name: those are state, made here and kept when the
-- views around them are rebuilt.
create schema if not exists company;
create schema if not exists people;
create schema if not exists marketing;
create schema if not exists bit;
create schema if not exists intake;
grant usage on schema company, people, marketing, bit, intake to authenticated, service_role, pipeline_writer;
comment on schema company is 'Companies, their slots, their renewal windows.';
comment on schema people is 'People and the state of their email.';
comment on schema marketing is 'Campaigns, messages, bookings, hand-offs.';
comment on schema bit is 'Signals of intent.';
comment on schema intake is 'Rows that wait to become companies and people.';
create sequence company.company_company_id_seq;
create sequence company.company_slot_company_slot_id_seq;
create sequence people.contact_contact_id_seq;
create sequence marketing.campaign_campaign_id_seq;
create sequence marketing.campaign_contact_campaign_contact_id_seq;
create sequence marketing.message_log_message_log_id_seq;
create sequence marketing.booking_event_booking_event_id_seq;
create sequence marketing.ac_handoff_handoff_id_seq;
create sequence bit.signal_signal_id_seq;
create sequence intake.raw_loads_raw_load_id_seq;
create type company.role_code_t as enum ('CEO', 'CFO', 'HR');
alter type app.email_status rename to email_status_t;
alter type app.email_status_t set schema people;
grant usage on all sequences in schema company, people, marketing, bit, intake to authenticated, service_role, pipeline_writer;

-- Contacts, campaigns and messages were counted by themselves; from now on by the sequences that their faces name.
do $$
declare t record;
begin
  for t in select * from (values ('contacts', 'people.contact_contact_id_seq'), ('campaigns', 'marketing.campaign_campaign_id_seq'), ('message_log', 'marketing.message_log_message_log_id_seq')) v(tbl, seq) loop
    execute format('alter table app.%I alter column id drop identity', t.tbl);
    execute format('alter table app.%I alter column id set default nextval(%L)', t.tbl, t.seq);
    execute format('select setval(%L, greatest(max(id), 1), max(id) is not null) from app.%I', t.seq, t.tbl);
  end loop;
end $$;

create function app.touch_updated_at() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  new.updated_at := app.now();
  return new;
end $$;

create table app.companies (
  org_id int not null references app.orgs, id bigint not null default nextval('company.company_company_id_seq'), playbook text,
  name text not null check (btrim(name) <> ''), ein text, domain text, linkedin_key text, name_key text, other_name_key text, keys_at timestamptz,
  address_line1 text, address_line2 text, city text, state text, postal_code text, country text, main_phone text,
  employees int check (employees >= 0), revenue numeric(16, 2), industry text, facts jsonb not null default '{}',
  renewal_month int, renewal_notice_window_days int not null default 120,
  source text not null default 'manual', upload_id uuid, row_number int, merged_into bigint,
  created_at timestamptz not null default app.now(), updated_at timestamptz not null default app.now(),
  primary key (org_id, id),
  foreign key (org_id, upload_id) references app.uploads (org_id, id), foreign key (org_id, merged_into) references app.companies (org_id, id),
  constraint ein_has_nine_digits check (ein ~ '^[0-9]{9}$'),
  constraint renewal_month_is_a_month check (renewal_month between 1 and 12),
  constraint renewal_notice_window_is_possible check (renewal_notice_window_days between 0 and 3660)
) with (fillfactor = 85);
create unique index ux_companies_ein on app.companies (org_id, ein) where ein is not null and merged_into is null;
create unique index ux_companies_domain on app.companies (org_id, domain) where domain is not null and merged_into is null;
create unique index ux_companies_linkedin on app.companies (org_id, linkedin_key) where linkedin_key is not null and merged_into is null;
create index companies_name on app.companies (org_id, name_key, state) where merged_into is null;
create index companies_other_name on app.companies (org_id, other_name_key, state) where other_name_key is not null and merged_into is null;
create index companies_without_keys on app.companies (org_id, id) where keys_at is null and merged_into is null;
create index companies_renewing on app.companies (org_id, renewal_month, id) where renewal_month is not null and merged_into is null;
create trigger trg_touch before update on app.companies for each row execute function app.touch_updated_at();
select app.tenant_table('companies');
select app.describe('companies', 'A company, once per tenant: its identity keys and the wide facts, rewritten only when they differ.', $$
org_id: tenant
id: company
playbook: whose leads its people become; null: the playbook about companies that the installation has
name: as people write it
ein: employer identification number, nine digits: the surest identity
domain: registered domain of its website, its own alone; null where another company with another EIN holds it
linkedin_key: LinkedIn page in normal form
name_key: name without legal form, case and punctuation, with the state it was first seen in: acme|TX
other_name_key: the other name of "X dba Y", or a later one
keys_at: when the keys were made from name and addresses; null where somebody wrote by hand and the next sweep makes them
address_line1: street line
address_line2: unit
city: city
state: state or region, two letters in the US
postal_code: ZIP or postal code
country: country
main_phone: published main number, sealed
employees: how many
revenue: US dollars a year
industry: as the source says
facts: what else a source knows (NTEE code, fiscal year end…)
renewal_month: month of renewal, 1 to 12
renewal_notice_window_days: the window opens so many days before the renewal
source: first source of the row
upload_id: upload of the first row
row_number: row in that upload, the header being row 1
merged_into: the company this one turned out to be
created_at: first seen
updated_at: last change
$$);

create table app.company_seen (
  org_id int not null, company_id bigint not null, first_seen_at timestamptz not null, last_seen_at timestamptz not null, times_seen int not null default 1, content_hash text,
  primary key (org_id, company_id), foreign key (org_id, company_id) references app.companies (org_id, id) on delete cascade
) with (fillfactor = 50);
select app.tenant_table('company_seen');
select app.describe('company_seen', 'The narrow, often written side of a company.', $$
org_id: tenant
company_id: company
first_seen_at: first time in any file or load
last_seen_at: last time
times_seen: files and loads that held it
content_hash: hash of the last row, so that an unchanged row costs one narrow write
$$);

alter table app.contacts
  add column title text, add column profile_key text, add column company_id bigint, add column left_company_at timestamptz, add column updated_at timestamptz not null default app.now(),
  add foreign key (org_id, company_id) references app.companies (org_id, id),
  alter column owner_key set default 'contact:' || gen_random_uuid();
alter table app.contacts alter column source set default 'manual';
create unique index ux_contacts_profile on app.contacts (org_id, profile_key) where profile_key is not null and merged_into is null;
create index contacts_company on app.contacts (org_id, company_id) where company_id is not null;
create trigger trg_touch before update of full_name, title, profile_key, company_id, first_name, last_name on app.contacts for each row execute function app.touch_updated_at();
select app.describe('contacts', 'A person (or the people behind a company): one row per owner name and mailing address, or per profile, email, or name at a company.', $$
title: job title
profile_key: profile page in normal form: the surest identity of a person at work
company_id: where the person works
left_company_at: the person left that company
updated_at: last change of name, title or employer
$$);

create table app.company_slots (
  org_id int not null, id bigint not null default nextval('company.company_slot_company_slot_id_seq'), company_id bigint not null, role_code company.role_code_t not null, contact_id bigint,
  filled_at timestamptz, lead_id uuid, created_at timestamptz not null default app.now(), updated_at timestamptz not null default app.now(),
  primary key (org_id, id), unique (org_id, company_id, role_code),
  foreign key (org_id, company_id) references app.companies (org_id, id) on delete cascade, foreign key (org_id, contact_id) references app.contacts (org_id, id)
) with (fillfactor = 70);
-- The constraint as the document words it, for `on conflict (company_id, role_code)`; company ids are unique over all tenants.
create unique index ux_company_slots_role on app.company_slots (company_id, role_code);
create unique index ux_company_slots_contact on app.company_slots (org_id, company_id, contact_id) where contact_id is not null;
create index company_slots_unled on app.company_slots (org_id, id) where contact_id is not null and lead_id is null;
create index company_slots_contact on app.company_slots (org_id, contact_id) where contact_id is not null;
select app.tenant_table('company_slots');
select app.describe('company_slots', 'Exactly three per company: CEO, CFO, HR. Made with the company; who holds one is a contact.', $$
org_id: tenant
id: slot
company_id: company
role_code: CEO, CFO or HR
contact_id: who holds it; null is vacant
filled_at: since when
lead_id: the lead that the holder is; null: to be made
created_at: made
updated_at: last change
$$);

create function app.make_slots() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  insert into app.company_slots (org_id, company_id, role_code)
  select m.org_id, m.id, r from made m, unnest(enum_range(null::company.role_code_t)) r;
  return null;
end $$;
create trigger trg_make_slots after insert on app.companies referencing new table as made for each statement execute function app.make_slots();

-- The slots are there already: writing one again fills it. Made by the company itself, none is looked up.
create function app.slot_is_there() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  if exists (select 1 from app.company_slots s where s.org_id = new.org_id and s.company_id = new.company_id and s.role_code = new.role_code) then
    if new.contact_id is not null then
      update app.company_slots s set contact_id = new.contact_id where s.org_id = new.org_id and s.company_id = new.company_id and s.role_code = new.role_code;
    end if;
    return null;
  end if;
  return new;
end $$;
create trigger trg_slot_is_there before insert on app.company_slots for each row when (pg_trigger_depth() = 0) execute function app.slot_is_there();

create function app.slot_changes_hands() returns trigger language plpgsql set search_path = app, pg_catalog as $$
declare other company.role_code_t;
begin
  new.updated_at := app.now();
  if new.contact_id is distinct from old.contact_id then
    new.filled_at := case when new.contact_id is not null then app.now() end;
    new.lead_id := null;
    select s.role_code into other from app.company_slots s
     where s.org_id = new.org_id and s.company_id = new.company_id and s.contact_id = new.contact_id and s.id <> new.id;
    if found then
      raise exception 'contact % already holds the % slot of company %', new.contact_id, other, new.company_id using errcode = 'PS007', hint = 'a person holds one slot of a company: empty that slot first';
    end if;
    update app.contacts c set company_id = new.company_id where c.org_id = new.org_id and c.id = new.contact_id and c.company_id is null;
  end if;
  return new;
end $$;
create trigger trg_slot_changes_hands before update on app.company_slots for each row execute function app.slot_changes_hands();

create table app.pages (
  org_id int not null, id bigint generated by default as identity, company_id bigint, contact_id bigint,
  url_type text not null check (url_type in ('website', 'linkedin', 'news', 'profile')), url text not null,
  last_checked_at timestamptz, leased_until timestamptz, lease_id uuid, etag text, last_modified text, content_hash text, outcome text, last_error text, failures int not null default 0, created_at timestamptz not null default app.now(),
  primary key (org_id, id),
  foreign key (org_id, company_id) references app.companies (org_id, id) on delete cascade, foreign key (org_id, contact_id) references app.contacts (org_id, id) on delete cascade,
  constraint about_one_subject check ((company_id is null) <> (contact_id is null)), constraint profiles_are_of_people check ((url_type = 'profile') = (contact_id is not null))
) with (fillfactor = 70);
create unique index ux_pages_company on app.pages (org_id, company_id, url_type) where company_id is not null;
create unique index ux_pages_contact on app.pages (org_id, contact_id, url_type) where contact_id is not null;
-- Never checked sorts before all: the head of these is what is due.
create index pages_company_due on app.pages (org_id, (coalesce(last_checked_at, '-infinity'::timestamptz)), id) where company_id is not null;
create index pages_profile_due on app.pages (org_id, (coalesce(last_checked_at, '-infinity'::timestamptz)), id) where contact_id is not null;
create index pages_type_due on app.pages (org_id, url_type, (coalesce(last_checked_at, '-infinity'::timestamptz)), id);
create index pages_leased on app.pages (org_id, lease_id) where lease_id is not null;
select app.tenant_table('pages');
select app.describe('pages', 'A watched address: website, LinkedIn and news page of a company, profile of a person; read once in thirty days.', $$
org_id: tenant
id: page
company_id: whose page
contact_id: whose profile
url_type: website, linkedin, news or profile
url: address as given
last_checked_at: last time it was read, or found not to be readable
leased_until: a worker reads it until then
lease_id: the lease of that worker
etag: for the conditional request
last_modified: for the conditional request
content_hash: hash of what was read
outcome: what the last reading came to
last_error: what was wrong
failures: troubles in a row
created_at: first known
$$);

create table app.company_facts (
  org_id int not null, id bigint generated by default as identity, company_id bigint not null, contact_id bigint, kind text not null, key text not null, value jsonb not null default '{}',
  source text not null, source_url text, page_id bigint, found_at timestamptz not null default app.now(), seen_at timestamptz not null default app.now(), read_at timestamptz,
  primary key (org_id, id), unique (org_id, company_id, kind, key),
  foreign key (org_id, company_id) references app.companies (org_id, id) on delete cascade, foreign key (org_id, contact_id) references app.contacts (org_id, id), foreign key (org_id, page_id) references app.pages (org_id, id) on delete set null (page_id)
) with (fillfactor = 80);
create index company_facts_unread on app.company_facts (org_id, found_at, id) where read_at is null or (kind = 'person_absent' and seen_at > read_at);
create index company_facts_page on app.company_facts (org_id, page_id) where page_id is not null;
select app.tenant_table('company_facts');
select app.describe('company_facts', 'What a page said of a company, with source and time; the same thing is one fact however often it is seen.', $$
org_id: tenant
id: fact
company_id: about which company
contact_id: about which person, where known
kind: what it is: person_at, person_absent, appointment, departure, funding, job; slot_set: how a slot stood in our own records
key: what makes it one fact: slot and name, headline, posting
value: what was said; no email or phone in clear
source: kind of page or vendor
source_url: where it stood
page_id: the watched page
found_at: first seen
seen_at: last seen
read_at: the rules have looked at it
$$);

create table app.signals (
  org_id int not null, id bigint not null default nextval('bit.signal_signal_id_seq'), company_id bigint not null, contact_id bigint, reason text not null check (btrim(reason) <> ''), cause text not null default gen_random_uuid()::text,
  payload jsonb not null default '{}', created_at timestamptz not null default app.now(), processed_at timestamptz, outcome text,
  primary key (org_id, id), unique (org_id, company_id, reason, cause),
  foreign key (org_id, company_id) references app.companies (org_id, id) on delete cascade, foreign key (org_id, contact_id) references app.contacts (org_id, id)
);
create index signals_unprocessed on app.signals (org_id, created_at, id) where processed_at is null;
create index signals_company on app.signals (org_id, company_id, created_at desc);
select app.tenant_table('signals');
select app.describe('signals', 'A sign that now is the time to talk to a company; each once per cause.', $$
org_id: tenant
id: signal
company_id: company
contact_id: person it is about
reason: renewal_window_open_120d, executive_movement, funding_raised, job_postings…
cause: what makes it one signal: the renewal date, the fact
payload: what it rests on
created_at: when it was seen
processed_at: acted on
outcome: what was done
$$);

alter table app.leads add column company_id bigint, add foreign key (org_id, company_id) references app.companies (org_id, id),
  add constraint a_lead_has_one_subject check (property_id is null or company_id is null);
create unique index ux_leads_company on app.leads (org_id, playbook, company_id, contact_id) where company_id is not null and merged_into is null;
create index leads_company on app.leads (org_id, company_id) where company_id is not null;
alter table app.company_slots add foreign key (org_id, lead_id) references app.leads (org_id, id) on delete set null (lead_id);
select app.describe('leads', 'One tenant''s interest in one subject under one playbook: statuses, scores, counters. Narrow, because it changes often.', $$
company_id: the company; such a lead is one person there, so a company has a lead per person
contact_id: the owner, or the person at the company
$$);
-- What hangs on a company is seen by who has a lead there.
do $$
declare t text;
begin
  execute 'create policy broker_read on app.companies for select to authenticated using (exists (select 1 from app.leads l where l.org_id = companies.org_id and l.company_id = companies.id))';
  foreach t in array array['company_seen', 'company_slots', 'company_facts', 'signals'] loop
    execute format('create policy broker_read on app.%I for select to authenticated using (exists (select 1 from app.leads l where l.org_id = %I.org_id and l.company_id = %I.company_id))', t, t, t);
  end loop;
  execute 'create policy broker_read on app.pages for select to authenticated using (exists (select 1 from app.leads l where l.org_id = pages.org_id and (l.company_id = pages.company_id or l.contact_id = pages.contact_id)))';
end $$;

alter table app.contact_points add column is_primary boolean not null default false, add column check_step int not null default 0, add column check_due_at timestamptz, add column gray_rounds int not null default 0,
  add constraint only_emails_are_primary check (kind = 'email' or not is_primary);
update app.contact_points p set is_primary = true
  from (select distinct on (org_id, contact_id) org_id, id from app.contact_points where kind = 'email' order by org_id, contact_id, verified desc, score desc nulls last, id) b
 where p.org_id = b.org_id and p.id = b.id;
create unique index ux_contact_points_primary on app.contact_points (org_id, contact_id) where is_primary;
create index contact_points_email_recheck on app.contact_points (org_id, (coalesce(verified_at, '-infinity'::timestamptz)), id) where is_primary;
create index contact_points_check_due on app.contact_points (org_id, check_due_at) where check_due_at is not null;
select app.describe('contact_points', 'A phone or email of a contact, sealed, with where it came from and what is known of it.', $$
is_primary: the address that people.contact shows; the first email of a contact becomes it
check_step: which check of the playbook's chain is next, from 0
check_due_at: when that check is due; null with a verified_at: none is
gray_rounds: checks in a row that could not decide
$$);
-- Without sequential scans: a plan made while the table was empty would be kept through a bulk insert.
create function app.first_email_is_primary() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  new.is_primary := not exists (select 1 from app.contact_points p where p.org_id = new.org_id and p.contact_id = new.contact_id and p.is_primary and p.id <> new.id);
  return new;
end $$;
create trigger trg_first_email_is_primary before insert on app.contact_points for each row when (new.kind = 'email' and not new.is_primary) execute function app.first_email_is_primary();
create trigger trg_first_email_of_another before update of contact_id on app.contact_points for each row when (new.kind = 'email' and new.contact_id <> old.contact_id) execute function app.first_email_is_primary();

alter table app.upload_rows alter column property_id drop not null, add column company_id bigint, add column contact_id bigint,
  add constraint a_row_became_something check (coalesce(property_id, company_id) is not null);
select app.describe('upload_rows', 'What became of each accepted row of a file.', $$
company_id: the company it is
contact_id: the person it is, where it names one
$$);

create table app.raw_loads (
  org_id int not null references app.orgs, id bigint not null default nextval('intake.raw_loads_raw_load_id_seq'), source text not null default 'api', playbook text, load_key text, payload_hash text, payload text not null,
  status text not null default 'waiting' check (status in ('waiting', 'promoted', 'rejected', 'dropped')), field text, reason text, fix text, actor text, outcome text, company_id bigint, contact_id bigint,
  created_at timestamptz not null default app.now(), updated_at timestamptz not null default app.now(), promoted_at timestamptz,
  primary key (org_id, id), unique (org_id, source, load_key),
  foreign key (org_id, company_id) references app.companies (org_id, id), foreign key (org_id, contact_id) references app.contacts (org_id, id),
  constraint rejected_says_why check (status <> 'rejected' or reason is not null), constraint promoted_says_when check (status <> 'promoted' or promoted_at is not null)
);
create index raw_loads_waiting on app.raw_loads (org_id, created_at, id) where status = 'waiting';
create index raw_loads_rejected on app.raw_loads (org_id, id) where status = 'rejected';
create trigger trg_touch before update on app.raw_loads for each row execute function app.touch_updated_at();
select app.tenant_table('raw_loads');
select app.describe('raw_loads', 'Rows that came one by one or in bulk, waiting to be promoted to companies and people; what cannot be promoted stays with its reason.', $$
org_id: tenant
id: raw load
source: where it comes from
playbook: whose leads it becomes
load_key: the sender's key: the same key is taken once
payload_hash: hash of the payload as it is kept: the same key with another content is refused
payload: the row as JSON, sealed; a plain one written by hand is sealed when it is promoted
status: waiting, promoted, rejected or dropped
field: field at fault
reason: why it could not be promoted
fix: what to do
actor: who sent it
outcome: inserted, updated or duplicate
company_id: the company it became
contact_id: the person it became
created_at: received
updated_at: last change
promoted_at: promoted
$$);

alter table app.campaigns alter column playbook drop not null, add column targets company.role_code_t[] not null default '{}', add column allow_yellow boolean not null default false, add column one_at_a_time boolean not null default true,
  add column made_by text not null default 'manual', add column updated_at timestamptz not null default app.now(),
  add constraint name_is_not_blank check (btrim(name) <> '');
create trigger trg_touch before update on app.campaigns for each row execute function app.touch_updated_at();
select app.describe('campaigns', 'A sequence of a playbook that leads are enrolled in: the playbook''s own, or one made for a list of people.', $$
playbook: playbook; null in one made by hand: each person's lead says
targets: slots in the order they are written to; empty: the playbook's order
allow_yellow: risky addresses are written to as well
one_at_a_time: a company is written to through one person at a time
made_by: who or what made it
updated_at: last change
$$);

create table app.campaign_contacts (
  org_id int not null, id bigint not null default nextval('marketing.campaign_contact_campaign_contact_id_seq'), campaign_id bigint not null, contact_id bigint not null, company_id bigint, created_at timestamptz not null default app.now(),
  primary key (org_id, id), unique (org_id, campaign_id, contact_id),
  foreign key (org_id, campaign_id) references app.campaigns (org_id, id) on delete cascade, foreign key (org_id, contact_id) references app.contacts (org_id, id) on delete cascade, foreign key (org_id, company_id) references app.companies (org_id, id)
);
create index campaign_contacts_contact on app.campaign_contacts (org_id, contact_id);
select app.tenant_table('campaign_contacts');
select app.describe('campaign_contacts', 'Who is meant by a campaign, once each. Whether and when they are written to is decided by the feeder and the gate.', $$
org_id: tenant
id: entry
campaign_id: campaign
contact_id: person
company_id: the company they were chosen for
created_at: added
$$);
-- Asked by key: a plan made while the table was small would read all of it for every row of a large insert.
create function app.once_in_a_campaign() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  if exists (select 1 from app.campaign_contacts k where k.org_id = new.org_id and k.campaign_id = new.campaign_id and k.contact_id = new.contact_id) then
    return null;
  end if;
  return new;
end $$;
create trigger trg_once_in_a_campaign before insert on app.campaign_contacts for each row execute function app.once_in_a_campaign();

create table app.tasks (
  org_id int not null, id bigint generated by default as identity, lead_id uuid not null, contact_id bigint not null, enrollment_id bigint, campaign_id bigint, step int, channel text not null check (channel in ('linkedin', 'phone', 'other')),
  subject text, body_sealed text, state text not null default 'open' check (state in ('open', 'done', 'skipped', 'withdrawn')), due_at timestamptz not null, created_at timestamptz not null default app.now(),
  closed_at timestamptz, closed_by text, reason text, decision_id bigint,
  primary key (org_id, id), unique (org_id, enrollment_id, step),
  foreign key (org_id, lead_id) references app.leads (org_id, id), foreign key (org_id, contact_id) references app.contacts (org_id, id), foreign key (org_id, enrollment_id) references app.enrollments (org_id, id), foreign key (org_id, campaign_id) references app.campaigns (org_id, id),
  constraint closed_says_when check (state = 'open' or closed_at is not null)
);
create index tasks_open on app.tasks (org_id, due_at, id) where state = 'open';
create index tasks_lead on app.tasks (org_id, lead_id);
select app.tenant_table('tasks');
select app.visible_with_lead('tasks');
select app.describe('tasks', 'A step of a sequence that a person does, with the text prepared: a LinkedIn message, a phone call.', $$
org_id: tenant
id: task
lead_id: lead
contact_id: person
enrollment_id: sequence it belongs to
campaign_id: campaign
step: step of the sequence
channel: linkedin, phone or other
subject: what to do, in a line
body_sealed: the prepared text, sealed
state: open, done, skipped (by the person) or withdrawn (the sequence ended)
due_at: when it is to be done
created_at: made
closed_at: done, skipped or withdrawn
closed_by: who
reason: why skipped or withdrawn
decision_id: the ALLOW it rests on
$$);

-- Who stops talking to somebody stops the tasks about them too; a sequence that came to its end leaves the task of its last step.
create function app.withdraw_tasks() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  update app.tasks t set state = 'withdrawn', closed_at = app.now(), closed_by = 'outreach', reason = coalesce(new.stop_reason, 'the sequence went on')
   where t.org_id = new.org_id and t.enrollment_id = new.id and t.state = 'open' and (new.state = 'stopped' or t.step < new.current_step);
  return null;
end $$;
create trigger trg_withdraw_tasks after update of state on app.enrollments for each row
  when (new.state in ('stopped', 'finished') and new.state is distinct from old.state) execute function app.withdraw_tasks();

create table app.handoffs (
  org_id int not null, id bigint not null default nextval('marketing.ac_handoff_handoff_id_seq'), company_id bigint, contact_id bigint, lead_id uuid, broker_id uuid, cause text not null default gen_random_uuid()::text, notes text, created_at timestamptz not null default app.now(),
  primary key (org_id, id), unique (org_id, cause), constraint about_somebody check (coalesce(lead_id::text, contact_id::text, company_id::text) is not null),
  foreign key (org_id, company_id) references app.companies (org_id, id), foreign key (org_id, contact_id) references app.contacts (org_id, id), foreign key (org_id, lead_id) references app.leads (org_id, id), foreign key (org_id, broker_id) references app.brokers (org_id, id)
);
create index handoffs_lead on app.handoffs (org_id, lead_id);
create index handoffs_company on app.handoffs (org_id, company_id);
select app.tenant_table('handoffs');
select app.visible_with_lead('handoffs');
select app.describe('handoffs', 'A lead handed to the person who closes it, with what was said and what is known.', $$
org_id: tenant
id: hand-off
company_id: company
contact_id: person
lead_id: lead
broker_id: to whom
cause: what makes it one hand-off: the reply or the booking
notes: what was said, signals, who holds which slot; sealed (a plain text written by hand is sealed by the next sweep)
created_at: when
$$);
create index handoffs_plain on app.handoffs (org_id, id) where notes !~ '^s[0-9]+\.';
create index message_log_plain on app.message_log (org_id, id) where body_sealed !~ '^s[0-9]+\.';

-- An appointment typed by hand names the person and company; one from a calendar names the lead. Each gets the other.
alter table app.appointments alter column lead_id drop not null, add column number bigint not null default nextval('marketing.booking_event_booking_event_id_seq'), add column company_id bigint, add column contact_id bigint, add column acted_on_at timestamptz,
  add foreign key (org_id, company_id) references app.companies (org_id, id), add foreign key (org_id, contact_id) references app.contacts (org_id, id);
update app.appointments a set acted_on_at = a.created_at, contact_id = l.contact_id, company_id = l.company_id from app.leads l where l.org_id = a.org_id and l.id = a.lead_id;
alter table app.appointments alter column uid set default 'manual:' || gen_random_uuid(), add constraint about_somebody check (coalesce(lead_id::text, contact_id::text, company_id::text) is not null);
create unique index ux_appointments_number on app.appointments (org_id, number);
create index appointments_untold on app.appointments (org_id, created_at) where acted_on_at is null;
select app.describe('appointments', 'A real appointment in a real calendar, or one typed by hand.', $$
lead_id: lead; null where nobody named by a hand-typed booking has one
number: the booking's number in marketing.booking_event
company_id: company
contact_id: person
acted_on_at: the lead, the sequence and the bill know of it; null: the booking stage has still to act
$$);
create function app.complete_appointment() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  new.ends_at := coalesce(new.ends_at, new.starts_at + interval '30 minutes');
  if new.lead_id is null then
    select l.id into new.lead_id from app.leads l
     where l.org_id = new.org_id and l.contact_id = new.contact_id and (new.company_id is null or l.company_id = new.company_id) and l.merged_into is null
     order by l.added_to_campaign_at desc nulls last, l.first_seen_at desc, l.id limit 1;
  else
    select coalesce(new.contact_id, l.contact_id), coalesce(new.company_id, l.company_id) into new.contact_id, new.company_id from app.leads l where l.org_id = new.org_id and l.id = new.lead_id;
  end if;
  return new;
end $$;
create trigger trg_complete_appointment before insert on app.appointments for each row execute function app.complete_appointment();
