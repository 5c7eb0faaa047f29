-- name: one_at_a_time
-- Facts of a tenant are read by one worker at a time: two would fill a slot from two halves of what is known.
select pg_advisory_xact_lock(hashtextextended('signals.read', cast(:org_id as int)));

-- name: claim_facts
-- Facts that no rule has looked at; and people whom a second reading of a page misses, for that is news again.
-- A page without an earlier fact is taken to have been read for the first time.
select f.id, f.company_id, f.contact_id, f.kind, f.key, f.value, f.found_at,
       f.page_id is null or exists (select 1 from app.company_facts e where e.org_id = f.org_id and e.page_id = f.page_id and e.found_at < f.found_at - interval '1 hour') as page_read_before
  from app.company_facts f
 where f.org_id = cast(:org_id as int) and (f.read_at is null or (f.kind = 'person_absent' and f.seen_at > f.read_at))
   and not exists (select 1 from app.on_hold h where h.org_id = f.org_id and h.stage = 'signals' and h.item = 'fact:' || f.id)
 order by f.found_at, f.id limit cast(:limit as int) for update of f skip locked;

-- name: companies
select id, playbook, name, domain from app.companies where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and merged_into is null;

-- name: officer_facts
-- All that is known of who holds an office, without what was put aside before it was read.
select f.id, f.company_id, f.contact_id, f.kind, f.key, f.value, f.source, f.source_url, f.page_id, f.found_at, f.seen_at, f.read_at,
       f.page_id is null or exists (select 1 from app.company_facts e where e.org_id = f.org_id and e.page_id = f.page_id and e.found_at < f.found_at - interval '1 hour') as page_read_before
  from app.company_facts f
 where f.org_id = cast(:org_id as int) and f.company_id = any(cast(:ids as bigint[])) and f.kind = any(cast(:kinds as text[]))
   and (f.read_at is not null or not exists (select 1 from app.on_hold h where h.org_id = f.org_id and h.stage = 'signals' and h.item = 'fact:' || f.id));

-- name: slots
select s.company_id, cast(s.role_code as text) as role, s.contact_id, c.full_name as name, c.title, page.url as profile_url, coalesce(s.filled_at, s.updated_at) as at, s.filled_at is null and s.updated_at = s.created_at as untouched
  from app.company_slots s
  left join app.contacts c on c.org_id = s.org_id and c.id = s.contact_id
  left join app.pages page on page.org_id = s.org_id and page.contact_id = s.contact_id and page.url_type = 'profile'
 where s.org_id = cast(:org_id as int) and s.company_id = any(cast(:ids as bigint[]))
 order by s.company_id, s.role_code;

-- name: colleagues
-- Who is or was known to work there, and whom a hand took out of a slot, wherever else they work.
with known as (
  select c.company_id, c.id from app.contacts c where c.org_id = cast(:org_id as int) and c.company_id = any(cast(:ids as bigint[]))
  union
  select f.company_id, cast(f.value -> 'before' ->> 'contact_id' as bigint) from app.company_facts f
   where f.org_id = cast(:org_id as int) and f.company_id = any(cast(:ids as bigint[])) and f.kind = 'slot_set' and f.source = 'hand'
)
select k.company_id, c.id as contact_id, c.full_name as name, page.url as profile_url
  from known k join app.contacts c on c.org_id = cast(:org_id as int) and c.id = k.id
  left join app.pages page on page.org_id = c.org_id and page.contact_id = c.id and page.url_type = 'profile'
 where c.merged_into is null and c.full_name is not null
 order by k.company_id, c.id;

-- name: note_slots
-- How a slot stood in our records before anything was read of it becomes a fact like any other.
insert into app.company_facts (org_id, company_id, kind, key, value, source, found_at, seen_at, read_at)
select cast(:org_id as int), n.company_id, n.kind, n.key, n.value, 'records', n.at, n.at, app.now()
  from jsonb_to_recordset(cast(:notes as jsonb)) as n(company_id bigint, kind text, key text, value jsonb, at timestamptz)
on conflict (org_id, company_id, kind, key) do nothing;

-- name: people_left
-- Whoever left and holds no slot there any more: their employer is the other company where they hold one, if any.
update app.contacts c
   set company_id = coalesce(o.company_id, c.company_id), left_company_at = case when o.company_id is null then cast(v.at as timestamptz) end
  from unnest(cast(:contact_ids as bigint[]), cast(:company_ids as bigint[]), cast(:ats as timestamptz[])) as v(contact_id, company_id, at)
  left join lateral (select s.company_id from app.company_slots s where s.org_id = cast(:org_id as int) and s.contact_id = v.contact_id and s.company_id <> v.company_id order by s.filled_at, s.id limit 1) o on true
 where c.org_id = cast(:org_id as int) and c.id = v.contact_id and c.company_id = v.company_id
   and not exists (select 1 from app.company_slots s where s.org_id = c.org_id and s.contact_id = c.id and s.company_id = v.company_id);

-- name: mailboxes_of_leavers
-- The emails of those who left a company and stay with another, with the domains of both.
select p.id, p.value, gone.domain as left_domain,
       array(select k.domain from app.companies k
              where k.org_id = c.org_id and k.domain is not null
                and (k.id = c.company_id or k.id in (select s.company_id from app.company_slots s where s.org_id = c.org_id and s.contact_id = c.id))) as domains
  from unnest(cast(:contact_ids as bigint[]), cast(:company_ids as bigint[])) as v(contact_id, company_id)
  join app.contacts c on c.org_id = cast(:org_id as int) and c.id = v.contact_id and c.company_id <> v.company_id and c.left_company_at is null
  join app.companies gone on gone.org_id = c.org_id and gone.id = v.company_id
  join app.contact_points p on p.org_id = c.org_id and p.contact_id = c.id and p.kind = 'email' and not p.is_invalid
 where not exists (select 1 from app.company_slots s where s.org_id = c.org_id and s.contact_id = c.id and s.company_id = v.company_id);

-- name: retire_emails
select app.retire_emails(cast(:org_id as int), cast(:ids as bigint[]));

-- name: told
-- Movements that have been told of.
select company_id, reason, payload from app.signals
 where org_id = cast(:org_id as int) and company_id = any(cast(:ids as bigint[])) and reason = any(cast(:reasons as text[]));

-- name: raise
with raised as (
  insert into app.signals (org_id, company_id, contact_id, reason, cause, payload, created_at)
  select cast(:org_id as int), r.company_id, r.contact_id, r.reason, r.cause, r.payload, app.now()
    from jsonb_to_recordset(cast(:raised as jsonb)) as r(n int, company_id bigint, contact_id bigint, reason text, cause text, payload jsonb)
   order by r.n
  on conflict (org_id, company_id, reason, cause) do nothing
  returning id, company_id, reason
)
insert into app.pipeline_events (org_id, at, event_type, stage, details)
select cast(:org_id as int), app.now(), 'signal_raised', 'signals', jsonb_build_object('signal_id', id, 'company_id', company_id, 'reason', reason) from raised order by id;

-- name: mark_read
update app.company_facts set read_at = greatest(app.now(), seen_at) where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[]));

-- name: merge_waits
-- Companies came in after windows were last looked at.
select coalesce((select row(e.at, e.id) from app.pipeline_events e where e.org_id = cast(:org_id as int) and e.event_type = 'companies_merged' order by e.at desc, e.id desc limit 1)
              > (select row(e.at, e.id) from app.pipeline_events e where e.org_id = cast(:org_id as int) and e.event_type = 'windows_opened' order by e.at desc, e.id desc limit 1),
                exists (select 1 from app.pipeline_events e where e.org_id = cast(:org_id as int) and e.event_type = 'companies_merged'));

-- name: open_windows
-- The window is a playbook's own select of company_id, cause and payload.
with windows as materialized (
/* window */
), raised as (
  insert into app.signals (org_id, company_id, reason, cause, payload, created_at)
  select cast(:org_id as int), w.company_id, cast(:reason as text), w.cause, w.payload, app.now()
    from windows w join app.companies c on c.org_id = cast(:org_id as int) and c.id = w.company_id
   where c.merged_into is null and coalesce(c.playbook, cast(:only as text)) = cast(:playbook as text)
     and not exists (select 1 from app.signals s where s.org_id = c.org_id and s.company_id = w.company_id and s.reason = cast(:reason as text) and s.cause = w.cause)
   order by w.company_id
  on conflict (org_id, company_id, reason, cause) do nothing
  returning id, company_id
)
insert into app.pipeline_events (org_id, at, event_type, stage, details)
select cast(:org_id as int), app.now(), 'signal_raised', 'signals', jsonb_build_object('signal_id', id, 'company_id', company_id, 'reason', cast(:reason as text)) from raised order by id;

-- name: take_in_bulk
-- Signals that call for no work of their own: noted, or the company's people are to be scored anew.
with terms as materialized (
  select * from unnest(cast(:books as text[]), cast(:reasons as text[]), cast(:actions as text[])) as t(book, reason, action)
), due as materialized (
  select s.id, s.company_id, s.reason, coalesce(t.action, 'none') as action
    from app.signals s
    join app.companies c on c.org_id = s.org_id and c.id = s.company_id
   cross join lateral (select coalesce(c.playbook, cast(:only as text)) as name) b
    left join terms t on t.book = case when b.name = any(cast(:books as text[])) then b.name else '' end and t.reason = s.reason
   where s.org_id = cast(:org_id as int) and s.processed_at is null and coalesce(t.action, 'none') in ('none', 'rescore')
     and not exists (select 1 from app.on_hold h where h.org_id = s.org_id and h.stage = 'signals' and h.item = 'signal:' || s.id)
   order by s.created_at, s.id limit cast(:limit as int) for update of s skip locked
), touched as (
  update app.leads l set facts_changed_at = app.now()
    from (select distinct company_id from due where action = 'rescore') d
   where l.org_id = cast(:org_id as int) and l.company_id = d.company_id and l.merged_into is null
), done as (
  update app.signals s set processed_at = app.now(), outcome = case d.action when 'rescore' then 'scored anew' else 'noted' end
    from due d where s.org_id = cast(:org_id as int) and s.id = d.id
  returning s.id, s.company_id, s.reason, s.outcome
)
insert into app.pipeline_events (org_id, at, event_type, stage, details)
select cast(:org_id as int), app.now(), 'signal_processed', 'signals', jsonb_build_object('signal_id', id, 'company_id', company_id, 'reason', reason, 'outcome', outcome) from done order by id;

-- name: waiting_singly
select s.id
  from app.signals s
  join app.companies c on c.org_id = s.org_id and c.id = s.company_id
 cross join lateral (select coalesce(c.playbook, cast(:only as text)) as name) b
  join unnest(cast(:books as text[]), cast(:reasons as text[]), cast(:actions as text[])) as t(book, reason, action)
    on t.book = case when b.name = any(cast(:books as text[])) then b.name else '' end and t.reason = s.reason
 where s.org_id = cast(:org_id as int) and s.processed_at is null and t.action = cast(:action as text)
   and not exists (select 1 from app.on_hold h where h.org_id = s.org_id and h.stage = 'signals' and h.item = 'signal:' || s.id)
 order by s.created_at, s.id limit cast(:limit as int);

-- name: take
select id, company_id, contact_id, reason, payload from app.signals
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and processed_at is null for update skip locked;

-- name: close
update app.signals set processed_at = app.now(), outcome = :outcome where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: in_office
select exists (select 1 from app.company_slots where org_id = cast(:org_id as int) and company_id = cast(:company_id as bigint) and contact_id = cast(:contact_id as bigint));

-- name: their_leads
select id from app.leads
 where org_id = cast(:org_id as int) and company_id = cast(:company_id as bigint) and contact_id = cast(:contact_id as bigint) and merged_into is null
 order by id for update;

-- name: close_lead
-- Nobody reads their mail at this company any more. A booking stands: a person decides about it.
update app.leads set campaign_status = 'bounced', status_reason = 'left the company'
 where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid) and campaign_status in ('new', 'queued', 'active', 'replied', 'paused');

-- name: reopen_lead
-- Back in office: the lead stands in line again, if leaving was all that closed it.
update app.leads set campaign_status = 'queued', status_reason = null, facts_changed_at = app.now()
 where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid) and campaign_status = 'bounced' and status_reason = 'left the company';

-- name: rescore
update app.leads set facts_changed_at = app.now() where org_id = cast(:org_id as int) and company_id = cast(:company_id as bigint) and merged_into is null;
