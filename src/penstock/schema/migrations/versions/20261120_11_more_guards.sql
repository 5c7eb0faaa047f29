-- More of what the database itself refuses or mends, room by room.

-- Contagion: what is known of a place hangs on its town too, so that a place of another town is scored again.
drop trigger trg_count_property_version on app.properties;
create trigger trg_count_property_version
  before update of city, state, lat, lng, year_built, subdivision_id, property_value, estimated_equity, mortgage_balance, has_liens, recent_refinance, recent_heloc, merged_into on app.properties
  for each row when ((old.city, old.state, old.lat, old.lng, old.year_built, old.subdivision_id, old.property_value, old.estimated_equity, old.mortgage_balance, old.has_liens, old.recent_refinance, old.recent_heloc, old.merged_into)
    is distinct from (new.city, new.state, new.lat, new.lng, new.year_built, new.subdivision_id, new.property_value, new.estimated_equity, new.mortgage_balance, new.has_liens, new.recent_refinance, new.recent_heloc, new.merged_into))
  execute function app.count_property_version();

-- Permits: one that names no town is one of the town of its place, and looked up again when that changes.
alter table app.building_permits add column place_city text;
select app.describe('building_permits', 'A permit that a town hall gave, in one form whatever the source; what kind of work; which place.', $$
place_city: city of the place it is about
$$);
grant select (place_city) on app.building_permits to authenticated;
update app.building_permits b set place_city = p.city from app.properties p where p.org_id = b.org_id and p.id = b.property_id;
create index building_permits_place_city on app.building_permits (org_id, state, place_city) where city is null and property_id is not null and place_city is not null;
drop trigger trg_note_changed_place on app.properties;
create trigger trg_note_changed_place after update of apn, state, county, city, addr_hash, lat, lng, merged_into on app.properties for each row
  when ((old.apn, old.state, old.county, old.city, old.addr_hash, old.lat, old.lng, old.merged_into) is distinct from (new.apn, new.state, new.county, new.city, new.addr_hash, new.lat, new.lng, new.merged_into))
  execute function app.note_changed_place();

-- Scans: a page of a search names the scan that bought it. Of earlier ones that is the scan that had begun last.
alter table app.vendor_calls add column area_scan_id bigint, add foreign key (org_id, area_scan_id) references app.area_scans (org_id, id) on delete set null (area_scan_id);
create index vendor_calls_scan on app.vendor_calls (org_id, area_scan_id) where area_scan_id is not null;
update app.vendor_calls v set area_scan_id = (
  select s.id from app.area_scans s
   where s.org_id = v.org_id and s.playbook = v.playbook and s.scan_parameters->>'search' = 'true' and v.reserved_at between s.started_at and coalesce(s.completed_at, app.now())
   order by s.started_at desc, s.id desc limit 1)
 where v.stage = 'intake';
select app.describe('vendor_calls', 'The ledger and the lease in one: whoever inserts the row may make the paid call, nobody else, ever, within the window.', $$
area_scan_id: scan that it was bought for
$$);

-- Companies: who went to another employer is no longer to be had at the mailboxes that they had before. (Somebody at two companies has not gone.)
create function app.retire_emails(org int, points bigint[]) returns void language plpgsql set search_path = app, pg_catalog as $$
declare people bigint[];
begin
  with retired as (
    update app.contact_points p set is_primary = false, replaced_at = case when p.is_invalid then p.replaced_at else app.now() end, is_invalid = true
     where p.org_id = org and p.id = any(points) and p.kind = 'email' and (p.is_primary or not p.is_invalid)
    returning p.contact_id)
  select array_agg(distinct r.contact_id) into people from retired r;
  update app.contact_points p set is_primary = true
    from (select distinct on (o.contact_id) o.id from app.contact_points o
           where o.org_id = org and o.contact_id = any(people) and o.kind = 'email' and o.status <> 'red' and not o.is_invalid
             and not exists (select 1 from app.contact_points q where q.org_id = org and q.contact_id = o.contact_id and q.is_primary)
           order by o.contact_id, o.status, o.id desc) best
   where p.org_id = org and p.id = best.id;
  update app.leads l set facts_changed_at = app.now() where l.org_id = org and l.contact_id = any(people);
end $$;
comment on function app.retire_emails(int, bigint[]) is 'Emails that are used no more, like replaced ones; the best of the others becomes primary.';

-- What somebody wrote by hand since the person left is the new address, or the one that goes along.
create function app.employer_left() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  perform app.retire_emails(new.org_id, array(
    select p.id from app.contact_points p
     where p.org_id = new.org_id and p.contact_id = new.id and p.kind = 'email' and not (p.source = 'manual' and p.added_at >= old.left_company_at)
       and not (p.is_primary and exists (select 1 from app.contact_points o where o.org_id = p.org_id and o.contact_id = p.contact_id and o.kind = 'email' and o.replaced_at >= old.left_company_at))));
  return null;
end $$;
create trigger trg_employer_left after update of company_id, left_company_at on app.contacts for each row
  when (old.left_company_at is not null and new.left_company_at is null and new.company_id <> old.company_id) execute function app.employer_left();

-- Who left and is seated again takes their leads along, whose emails are retired.
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
    perform from app.leads l join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id   -- everybody takes leads before people
      where l.org_id = new.org_id and l.contact_id = new.contact_id and c.left_company_at is not null order by l.id for no key update of l;
    update app.contacts c set company_id = new.company_id, left_company_at = null
     where c.org_id = new.org_id and c.id = new.contact_id and (c.company_id is null or c.left_company_at is not null);
  end if;
  return new;
end $$;

-- Workers: which workers of the queue a process runs, so that the jobs of one that died no longer lock their stages.
alter table app.workers add column queue_ids bigint[] not null default '{}';
select app.describe('workers', 'Running and past worker processes: whose unfinished reservations are in doubt.', $$
queue_ids: its workers in the queue: procrastinate_workers.id
$$);

-- Companies, messages: an answer logged by hand holds everything to its person until it is understood; what was written by hand to nobody's lead counts too.
create index message_log_unread on app.message_log (org_id, contact_id) where direction = 'inbound' and intent is null;
-- Those that were logged before anybody heard them are no news: a wish to be left alone still counts, nothing else follows.
alter table app.message_log add column opt_out_only boolean not null default false;
update app.message_log set opt_out_only = true where direction = 'inbound' and intent is null;
alter table app.contact_attempts alter column lead_id drop not null;
select app.describe('contact_attempts', 'Every reserved try to reach a person, and what people wrote down of their own: what the caps count. One in flight per person.', $$
lead_id: lead; null where somebody wrote by hand to nobody's lead
value: sealed identifier; null where a person wrote by hand and it is not known
decision_id: the ALLOW; null where a person wrote by hand and asked nobody
reference: message, call or logged message it belongs to; makes a second reservation of the same step impossible
$$);
select app.describe('message_log', 'Every message out and in. A message in doubt (its worker died while sending) is never sent again.', $$
intent: for inbound: what it means; null: logged by hand, and nobody has read it yet
opt_out_only: logged by hand before such answers were heard: read for a wish to be left alone, and for nothing else
$$);
select app.describe('contact_points', 'A phone or email of a contact, sealed, with where it came from and what is known of it.', $$
replaced_at: another was written in its place through people.contact, or the person went to another employer; it comes back only by being written again
$$);

-- Uploads: what a file says that its map makes nothing of is not lost without a word.
alter table app.uploads add column columns_unused text[] not null default '{}';
select app.describe('uploads', 'A file of records that came in, and what became of its rows: read = inserted + updated + duplicate + rejected.', $$
columns_unused: columns of which the map makes nothing
$$);

-- Booking: meetings that no broker could have yet.
create index appointments_unattended on app.appointments (org_id, ends_at) where broker_id is null;

-- Outreach: whom a hand took out of a campaign is remembered, and what was under way with them in it ends. Written again by hand, they are in it again.
alter table app.campaign_contacts add column removed_at timestamptz;
select app.describe('campaign_contacts', 'Who is meant by a campaign, once each. Whether and when they are written to is decided by the feeder and the gate.', $$
removed_at: taken out by hand: no member, and the timetable does not put them back
$$);
create or replace function app.once_in_a_campaign() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  if exists (select 1 from app.campaign_contacts k where k.org_id = new.org_id and k.campaign_id = new.campaign_id and k.contact_id = new.contact_id) then
    update app.campaign_contacts k set removed_at = null, created_at = new.created_at, company_id = new.company_id
     where k.org_id = new.org_id and k.campaign_id = new.campaign_id and k.contact_id = new.contact_id and k.removed_at is not null;
    return null;
  end if;
  return new;
end $$;
create function app.keep_removed() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  update app.campaign_contacts k set removed_at = app.now() where k.org_id = old.org_id and k.id = old.id;
  return null;
end $$;
-- What goes with its campaign or its person really goes.
create trigger trg_keep_removed before delete on app.campaign_contacts for each row when (old.removed_at is null and pg_trigger_depth() = 0) execute function app.keep_removed();
create function app.end_with_removal() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  with ended as (
    update app.enrollments e set state = 'stopped', ended_at = app.now(), stop_reason = 'taken out of the campaign'
      from app.leads l
     where e.org_id = new.org_id and e.campaign_id = new.campaign_id and l.org_id = e.org_id and l.id = e.lead_id and l.contact_id = new.contact_id and e.state in ('active', 'paused')
    returning e.lead_id, e.stop_reason)
  insert into app.pipeline_events (org_id, at, lead_id, event_type, stage, details)
  select new.org_id, app.now(), d.lead_id, 'sequence_stopped', 'outreach', jsonb_build_object('reason', d.stop_reason) from ended d;
  update app.tasks t set state = 'withdrawn', closed_at = app.now(), closed_by = 'outreach', reason = 'taken out of the campaign'
   where t.org_id = new.org_id and t.campaign_id = new.campaign_id and t.contact_id = new.contact_id and t.state = 'open';
  return null;
end $$;
create trigger trg_end_with_removal after update of removed_at on app.campaign_contacts for each row when (old.removed_at is null and new.removed_at is not null) execute function app.end_with_removal();
-- Whoever was let go at a company before anything left us stands in line again, for the campaign that means them next.
insert into app.status_transitions values ('campaign_status', 'active', 'queued');
create function app.back_in_line() returns trigger language plpgsql set search_path = app, pg_catalog set enable_seqscan = off as $$
begin
  update app.leads l set campaign_status = 'queued', status_reason = null, facts_changed_at = app.now()
   where l.org_id = new.org_id and l.id = new.lead_id and l.company_id is not null and l.campaign_status = 'active'
     and exists (select 1 from app.campaign_contacts k where k.org_id = l.org_id and k.campaign_id = new.campaign_id and k.contact_id = l.contact_id)
     and not exists (select 1 from app.enrollments e where e.org_id = l.org_id and e.lead_id = l.id and (e.state in ('active', 'paused') or e.current_step > 0))
     and not exists (select 1 from app.message_log m where m.org_id = l.org_id and m.lead_id = l.id and m.enrollment_id is not null and m.direction = 'outbound' and m.state <> 'failed');
  return null;
end $$;
create trigger trg_back_in_line after update of state on app.enrollments for each row
  when (new.state = 'stopped' and old.state <> 'stopped' and new.stop_reason in ('taken out of the campaign', 'no slot of the campaign')) execute function app.back_in_line();

-- Identity: names lose legal forms that are written out too, and keep the vowels of scripts that write them as marks. The next sweep makes the keys
-- of such companies anew; a contractor takes the shorter key where no other has it.
update app.companies set keys_at = null
 where name ~* '\mlimited\W+(liability|partnership)\M|\m(public|private|proprietary)\W+limited\M|\mprofessional\W+(corp|association)|\mde\s+(c\.?\s*v|r\.?\s*l)\M|\msp\W+z\s*o\.?\s*o\M'
    or name ~ '[\u0900-\u109f\u1780-\u17ff\u3040-\u30ff\uff66-\uff9f]';
-- The last word of some forms is off the old key already: then the name says that it was one.
update app.contractors c set name_key = n.key
  from (select org_id, id, key, row_number() over (partition by org_id, key order by id) as turn
          from (select org_id, id, name_key, regexp_replace(
                         regexp_replace(name_key, case when name ~* '\mprofessional\W+corporation\M' then ' (a )?professional$' when name ~* '\m(public|private|proprietary)\W+limited\M' then ' (public|private|proprietary)$' else '$' end, ''),
                         '( (limited liability limited partnership|limited liability partnership|limited partnership|(professional )?limited liability|professional association|s de rl|(s de rl|sapi|sas|sa) de cv|sp z ?oo))+$', '') as key
                  from app.contractors) k where key <> name_key) n
 where n.org_id = c.org_id and n.id = c.id and n.turn = 1 and not exists (select 1 from app.contractors o where o.org_id = c.org_id and o.name_key = n.key);

-- Companies, bookings: whether the same was typed before.
create index appointments_start on app.appointments (org_id, starts_at);

-- Companies: what a face is not told, said in words. One function, the words in its arguments; it is called for wrong rows alone.
create function app.refuse_row() returns trigger language plpgsql as $$
begin
  raise exception '%', tg_argv[0] using errcode = 'PS006', hint = tg_argv[1];
end $$;
comment on function app.refuse_row() is 'Refuses a row: what is wrong with it, and what to do (PS006).';
create trigger trg_a_reason before insert or update of reason on app.signals for each row when (nullif(btrim(new.reason), '') is null)
  execute function app.refuse_row('a signal needs a reason', 'say what was seen in a word: funding_raised, executive_movement');
create trigger trg_a_role before insert on app.company_slots for each row when (new.role_code is null)
  execute function app.refuse_row('a slot needs a role_code', 'CEO, CFO or HR');
create trigger trg_a_name before insert or update of name on app.campaigns for each row when (nullif(btrim(new.name), '') is null)
  execute function app.refuse_row('a campaign needs a name', 'write what people call it');
create trigger trg_a_person before insert or update of lead_id, contact_id, company_id on app.handoffs for each row when (coalesce(new.lead_id::text, new.contact_id::text, new.company_id::text) is null)
  execute function app.refuse_row('a hand-off is about somebody', 'name a contact_id, a company_id or both');
create trigger trg_a_payload before insert or update of payload, source on app.raw_loads for each row when (new.payload is null or new.source is null)
  execute function app.refuse_row('a raw load needs a payload and a source', 'payload: the record as a JSON object; source: where it comes from, or leave it out');
create trigger trg_a_status before insert or update of status on app.raw_loads for each row
  when (new.status is null or new.status not in ('waiting', 'promoted', 'rejected', 'dropped') or (new.status = 'promoted' and new.promoted_at is null) or (new.status = 'rejected' and new.reason is null))
  execute function app.refuse_row('a raw load is promoted or rejected by the engine', 'set status to waiting, and the next pass takes it, or to dropped, and none does');
