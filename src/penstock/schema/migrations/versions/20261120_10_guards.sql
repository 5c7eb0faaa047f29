-- What the database itself refuses or mends, room by room.

-- Billing: one open checkout page a customer.
alter table app.subscriptions add column stripe_checkout_id text;
select app.describe('subscriptions', 'What a customer has agreed to pay for, and how many leads of the trial are left.', $$
stripe_checkout_id: checkout page opened last; it is ended before another is opened
$$);

-- Bookings: a broker sees whether word of an appointment has gone out, and never what it said or to whom.
create index notifications_lead on app.notifications (org_id, lead_id) where lead_id is not null;
select app.visible_with_lead('notifications');
revoke select on app.notifications from authenticated;
grant select (org_id, id, kind, channel, dedupe_key, state, attempts, next_attempt_at, created_at, sent_at, lead_id) on app.notifications to authenticated;

-- Companies: exactly three slots, whoever writes, and what somebody's hand does to one is a movement of which the engine hears.
create or replace function app.slot_changes_hands() returns trigger language plpgsql set search_path = app, pg_catalog as $$
declare other company.role_code_t;
begin
  if (new.org_id, new.id, new.company_id, new.role_code) is distinct from (old.org_id, old.id, old.company_id, old.role_code) then
    raise exception 'the % slot of company % stays that', old.role_code, old.company_id using errcode = 'PS006', hint = 'a company has one slot of each role: set contact_id of the other slot instead';
  end if;
  new.updated_at := app.now();
  if new.contact_id is distinct from old.contact_id then
    new.filled_at := case when new.contact_id is not null then app.now() end;
    new.lead_id := null;
    select s.role_code into other from app.company_slots s
     where s.org_id = new.org_id and s.company_id = new.company_id and s.contact_id = new.contact_id and s.id <> new.id;
    if found then
      raise exception 'contact % already holds the % slot of company %', new.contact_id, other, new.company_id using errcode = 'PS007', hint = 'a person holds one slot of a company: empty that slot first';
    end if;
    update app.contacts c set company_id = new.company_id, left_company_at = null
     where c.org_id = new.org_id and c.id = new.contact_id and (c.company_id is null or c.left_company_at is not null);
  end if;
  return new;
end $$;

-- A slot goes with its company and not before: deleting one empties it.
create function app.slot_stays() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  if not exists (select 1 from app.companies c where c.org_id = old.org_id and c.id = old.company_id) then
    return old;
  end if;
  update app.company_slots s set contact_id = null where s.org_id = old.org_id and s.id = old.id and s.contact_id is not null;
  return null;
end $$;
create trigger trg_slot_stays before delete on app.company_slots for each row execute function app.slot_stays();

-- The engine says in its transaction that it is the one who moves people (app.slots_by): it has its reasons in the facts already. Anybody
-- else's change becomes a fact: who held the slot, who holds it now, the how manieth such change of the company, for one instant may see several.
-- A first holder is no movement, but what follows on one is written down too, and so is the return of somebody who was let go.
create function app.slot_by_hand() returns trigger language plpgsql set search_path = app, pg_catalog as $$
declare
  n int := (select count(*) from app.company_facts f where f.org_id = new.org_id and f.company_id = new.company_id and f.kind = 'slot_set' and f.source = 'hand') + 1;
begin
  if old.contact_id is null and n = 1
     and not exists (select 1 from app.leads l where l.org_id = new.org_id and l.company_id = new.company_id and l.contact_id = new.contact_id and l.campaign_status = 'bounced' and l.status_reason = 'left the company') then
    return null;
  end if;
  insert into app.company_facts (org_id, company_id, kind, key, value, source, found_at, seen_at)
  select new.org_id, new.company_id, 'slot_set', new.role_code || ':by hand:' || n,
         jsonb_build_object('slot', new.role_code, 'contact_id', taker.id, 'name', taker.name, 'turn', n,
                            'before', case when holder.id is not null then jsonb_build_object('contact_id', holder.id, 'name', holder.name) end),
         'hand', app.now(), app.now()
    from (select 1) once
    left join lateral (select c.id, coalesce(c.full_name, c.company, '?') as name from app.contacts c where c.org_id = new.org_id and c.id = new.contact_id) taker on true
    left join lateral (select c.id, coalesce(c.full_name, c.company, '?') as name from app.contacts c where c.org_id = new.org_id and c.id = old.contact_id) holder on true;
  return null;
end $$;
create trigger trg_slot_by_hand after update of contact_id on app.company_slots for each row
  when (new.contact_id is distinct from old.contact_id and coalesce(current_setting('app.slots_by', true), '') <> 'engine') execute function app.slot_by_hand();
select app.describe('company_facts', 'What a page said of a company, with source and time; the same thing is one fact however often it is seen.', $$
kind: what it is: person_at, person_absent, appointment, departure, funding, job; slot_set: how a slot stood in our own records, or was set by hand
source: kind of page or vendor; records: as we had it; hand: somebody wrote to the slot
$$);

-- Addresses: what is replaced through people.contact is never used again, and an address that another takes the place of is a page nobody has read.
create function app.is_sealed(value text) returns boolean language sql immutable parallel safe as $$ select value ~ '^s[0-9]+\.' $$;
comment on function app.is_sealed(text) is 'Whether a contact value is sealed; what somebody wrote by hand is plain until the next sweep.';
-- A plain address may begin as sealed values do. In capitals, which addresses do not heed, it does not; sealing makes it small again.
create function app.plain_is_plain() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  new.value := upper(left(new.value, 1)) || substr(new.value, 2);
  return new;
end $$;
create trigger trg_plain_is_plain before insert or update of value on app.contact_points for each row
  when (position('@' in new.value) > 0 and new.value ~ '^s[0-9]+\.') execute function app.plain_is_plain();
alter table app.contact_points add column replaced_at timestamptz, add column written_over bigint[] not null default '{}', add column source_url text;
update app.contact_points p set replaced_at = m.added_at, is_invalid = true
  from app.contact_points m
 where m.is_primary and m.source = 'manual' and p.org_id = m.org_id and p.contact_id = m.contact_id and p.kind = 'email' and not p.is_primary and p.added_at < m.added_at and not p.is_invalid
   and exists (select 1 from app.leads l where l.org_id = p.org_id and l.contact_id = p.contact_id and l.company_id is not null);
alter table app.contact_points add constraint replaced_is_not_used check (replaced_at is null or is_invalid), add constraint primary_is_not_replaced check (replaced_at is null or not is_primary);
select app.describe('contact_points', 'A phone or email of a contact, sealed, with where it came from and what is known of it.', $$
is_invalid: never used: not a phone or email at all, found at sealing or checking, or replaced
replaced_at: another was written in its place through people.contact; it comes back only by being written again
written_over: points that were primary before a plain email was written, oldest first, until the sweep has compared them with it
source_url: where its state comes from, as written through people.contact_verification; null after a check of ours
$$);
create or replace function app.first_email_is_primary() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  new.is_primary := new.replaced_at is null and not exists (select 1 from app.contact_points p where p.org_id = new.org_id and p.contact_id = new.contact_id and p.is_primary and p.id <> new.id);
  return new;
end $$;
create function app.another_page() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  new.etag := null; new.last_modified := null; new.content_hash := null; new.outcome := null; new.last_error := null; new.failures := 0;
  new.leased_until := null; new.lease_id := null;   -- whoever reads the old one finds the lease gone, and writes nothing
  delete from app.dlq d where d.org_id = new.org_id and d.stage = 'scrape' and d.item = new.id::text;
  return new;
end $$;
create trigger trg_another_page before update of url on app.pages for each row when (new.url <> old.url) execute function app.another_page();

-- Deletion. What is about a row goes along with it, what only names it is left without it, and what is a history holds it: what was
-- sent, said, agreed and charged stays on record. The trigger comes before the foreign keys, and says in words what they would refuse.
alter table app.property_merges drop constraint property_merges_org_id_kept_id_fkey, drop constraint property_merges_org_id_gone_id_fkey,
  add foreign key (org_id, kept_id) references app.properties (org_id, id) on delete cascade, add foreign key (org_id, gone_id) references app.properties (org_id, id) on delete cascade;
alter table app.properties drop constraint properties_org_id_merged_into_fkey, drop constraint properties_org_id_subdivision_id_fkey, drop constraint properties_org_id_owner_contact_id_fkey,
  add foreign key (org_id, merged_into) references app.properties (org_id, id) on delete cascade,
  add foreign key (org_id, subdivision_id) references app.subdivisions (org_id, id) on delete set null (subdivision_id),
  add foreign key (org_id, owner_contact_id) references app.contacts (org_id, id) on delete set null (owner_contact_id);
alter table app.building_permits drop constraint building_permits_org_id_property_id_fkey, drop constraint building_permits_org_id_subdivision_id_fkey, drop constraint building_permits_org_id_contractor_id_fkey,
  add foreign key (org_id, property_id) references app.properties (org_id, id) on delete set null (property_id),
  add foreign key (org_id, subdivision_id) references app.subdivisions (org_id, id) on delete set null (subdivision_id),
  add foreign key (org_id, contractor_id) references app.contractors (org_id, id) on delete set null (contractor_id);
alter table app.property_reports drop constraint property_reports_org_id_lead_id_fkey, drop constraint property_reports_org_id_contractor_id_fkey,
  add foreign key (org_id, lead_id) references app.leads (org_id, id) on delete cascade, add foreign key (org_id, contractor_id) references app.contractors (org_id, id) on delete set null (contractor_id);
alter table app.call_campaigns drop constraint call_campaigns_org_id_contractor_id_fkey,
  add foreign key (org_id, contractor_id) references app.contractors (org_id, id) on delete set null (contractor_id);
alter table app.lead_number_assignments drop constraint lead_number_assignments_org_id_lead_id_fkey, add foreign key (org_id, lead_id) references app.leads (org_id, id) on delete cascade;
create index properties_merged_into on app.properties (org_id, merged_into) where merged_into is not null;

-- A permit whose place is deleted is looked up again, without the coordinates that it had from there.
create function app.forget_place() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  new.matched_by := null;
  new.matched_at := null;
  if old.at_place then
    new.lat := null;
    new.lng := null;
    new.at_place := false;
  end if;
  return new;
end $$;
create trigger trg_forget_place before update of property_id on app.building_permits for each row
  when (old.property_id is not null and new.property_id is null and new.matched_by is not null) execute function app.forget_place();

create function app.keep_history() returns trigger language plpgsql set search_path = app, pg_catalog as $$
declare
  org int := old.org_id;
  what text;
  instead text;
begin
  if tg_table_name = 'properties' then
    if exists (select 1 from app.leads x where x.org_id = org and x.property_id = old.id) then
      what := 'a place that has a lead'; instead := 'leave the place, and end the lead: campaign_status do_not_contact';
    end if;
  elsif tg_table_name = 'campaigns' then
    if exists (select 1 from app.enrollments x where x.org_id = org and x.campaign_id = old.id) or exists (select 1 from app.tasks x where x.org_id = org and x.campaign_id = old.id) then
      what := 'a sequence that somebody was enrolled in'; instead := 'set is_active to false';
    end if;
  elsif tg_table_name = 'enrollments' then
    if exists (select 1 from app.message_log x where x.org_id = org and x.lead_id = old.lead_id and x.enrollment_id = old.id)
       or exists (select 1 from app.tasks x where x.org_id = org and x.lead_id = old.lead_id and x.enrollment_id = old.id) then
      what := 'an enrolment with messages or tasks'; instead := 'set its state to stopped';
    end if;
  elsif tg_table_name = 'leads' then
    if exists (select 1 from app.enrollments x where x.org_id = org and x.lead_id = old.id) or exists (select 1 from app.message_log x where x.org_id = org and x.lead_id = old.id)
       or exists (select 1 from app.calls x where x.org_id = org and x.lead_id = old.id) or exists (select 1 from app.appointments x where x.org_id = org and x.lead_id = old.id)
       or exists (select 1 from app.consents x where x.org_id = org and x.lead_id = old.id) or exists (select 1 from app.tasks x where x.org_id = org and x.lead_id = old.id)
       or exists (select 1 from app.scheduled_sms x where x.org_id = org and x.lead_id = old.id) or exists (select 1 from app.handoffs x where x.org_id = org and x.lead_id = old.id)
       or exists (select 1 from app.usage_events x where x.org_id = org and x.lead_id = old.id) or exists (select 1 from app.billing_events x where x.org_id = org and x.lead_id = old.id)
       or exists (select 1 from app.leads x where x.org_id = org and x.merged_into = old.id) then
      what := 'a lead with a history'; instead := 'end it: campaign_status do_not_contact';
    end if;
  elsif exists (select 1 from app.appointments x where x.org_id = org and x.broker_id = old.id) or exists (select 1 from app.area_scans x where x.org_id = org and x.broker_id = old.id)
     or exists (select 1 from app.handoffs x where x.org_id = org and x.broker_id = old.id) or exists (select 1 from app.phone_numbers x where x.org_id = org and x.broker_id = old.id)
     or exists (select 1 from app.usage_events x where x.org_id = org and x.broker_id = old.id) or exists (select 1 from app.billing_events x where x.org_id = org and x.broker_id = old.id)
     or exists (select 1 from app.invoices x where x.org_id = org and x.broker_id = old.id) then
    what := 'a customer with numbers, scans, appointments or charges'; instead := 'set is_active to false';
  end if;
  if what is not null then
    raise exception '% is not deleted', what using errcode = 'PS009', hint = instead;
  end if;
  return old;
end $$;
create trigger trg_keep_history before delete on app.properties for each row execute function app.keep_history();
create trigger trg_keep_history before delete on app.campaigns for each row execute function app.keep_history();
create trigger trg_keep_history before delete on app.enrollments for each row execute function app.keep_history();
create trigger trg_keep_history before delete on app.leads for each row execute function app.keep_history();
create trigger trg_keep_history before delete on app.brokers for each row execute function app.keep_history();

-- Intake: a record that was mended is still known by what was sent, so that an honest retry is no conflict.
alter table app.raw_loads add column mended_hash text;
select app.describe('raw_loads', 'Rows that came one by one or in bulk, waiting to be promoted to companies and people; what cannot be promoted stays with its reason.', $$
payload_hash: hash of the payload as it was sent: the same key with another content is refused
mended_hash: hash of the payload as it was last mended; sent under the key, that is known too
$$);

-- Scores: parts, total and damage are 0 to 100, codes are those that have a word. One short expression: they are written a million at a time.
alter table app.property_scores add constraint scores_and_codes_make_sense check (
  least(contagion_score, age_match_score, financial_score, visual_score, total_urgency_score, tier, confidence, action, known) >= 0
  and greatest(contagion_score, age_match_score, financial_score, visual_score, total_urgency_score) <= 100
  and greatest(tier, confidence) <= 2 and action <= 4 and known <= 15 and (damage between 0 and 100 or damage = 'NaN'));

-- Imagery: what a stand-in made up carries nobody's licence.
update app.roof_images set license = null, taken_on = null where status = 'synthetic';
alter table app.roof_images add constraint a_stand_in_has_no_license check (status <> 'synthetic' or license is null);

-- Enrichment: each purchase names the stage that it is for. Of earlier ones it is told by what they brought.
alter table app.vendor_calls add column stage text check (stage in ('intake', 'imagery', 'scrape', 'enrichment', 'verification', 'voice'));
update app.vendor_calls v set stage = case
  when operation = 'call' then 'voice'
  when contact_point_id is not null then 'verification'
  when operation in ('image', 'assess') or exists (select 1 from app.roof_images i where i.org_id = v.org_id and i.vendor_call_id = v.id) or exists (select 1 from app.roof_assessments a where a.org_id = v.org_id and a.vendor_call_id = v.id) then 'imagery'
  when lead_id is not null or contact_id is not null then 'enrichment'
  when exists (select 1 from app.area_scans s where s.org_id = v.org_id and s.playbook = v.playbook) then 'intake'
  else 'scrape' end;
alter table app.vendor_calls alter column stage set not null;
grant select (stage) on app.vendor_calls to authenticated;
select app.describe('vendor_calls', 'The ledger and the lease in one: whoever inserts the row may make the paid call, nobody else, ever, within the window.', $$
stage: stage that it is bought for, as whoever buys names it
$$);

-- Companies: who is named in a campaign, a booking, a hand-off, a signal or a slot is there; the foreign keys would say it in no words of ours.
-- Asked by key: a plan made while a table was small would read all of it for every row of a large insert.
create function app.campaign_is_there() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  if not exists (select 1 from app.campaigns k where k.org_id = new.org_id and k.id = new.campaign_id) then
    raise exception 'there is no campaign %', coalesce(new.campaign_id::text, 'without a number') using errcode = 'PS006', hint = 'insert into marketing.campaign first';
  end if;
  return new;
end $$;
create function app.company_is_there() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  if not exists (select 1 from app.companies c where c.org_id = new.org_id and c.id = new.company_id) then
    raise exception 'there is no company %', coalesce(new.company_id::text, 'without a number') using errcode = 'PS006', hint = 'insert into company.company first';
  end if;
  return new;
end $$;
create function app.contact_is_there() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  if not exists (select 1 from app.contacts c where c.org_id = new.org_id and c.id = new.contact_id) then
    raise exception 'there is no contact %', coalesce(new.contact_id::text, 'without a number') using errcode = 'PS006', hint = 'insert into people.contact first';
  end if;
  return new;
end $$;
create trigger trg_campaign_is_there before insert or update of campaign_id on app.campaign_contacts for each row execute function app.campaign_is_there();
create trigger trg_contact_is_there before insert or update of contact_id on app.campaign_contacts for each row execute function app.contact_is_there();
create trigger trg_company_is_there before insert or update of company_id on app.signals for each row execute function app.company_is_there();
create trigger trg_company_is_there before insert on app.company_slots for each row when (pg_trigger_depth() = 0) execute function app.company_is_there();
create trigger trg_contact_is_there before insert or update of contact_id on app.company_slots for each row when (new.contact_id is not null) execute function app.contact_is_there();
create trigger trg_company_is_there before insert or update of company_id on app.appointments for each row when (new.company_id is not null) execute function app.company_is_there();
create trigger trg_contact_is_there before insert or update of contact_id on app.appointments for each row when (new.contact_id is not null) execute function app.contact_is_there();
create trigger trg_company_is_there before insert or update of company_id on app.handoffs for each row when (new.company_id is not null) execute function app.company_is_there();
create trigger trg_contact_is_there before insert or update of contact_id on app.handoffs for each row when (new.contact_id is not null) execute function app.contact_is_there();
