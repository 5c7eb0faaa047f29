-- name: lock_feeder
-- One feeder at a time per org; the other waits, and then finds the day's work done.
select pg_advisory_xact_lock(hashtextextended('feed_campaigns:' || cast(:org_id as int), 0));

-- name: ensure_campaigns
-- The standing campaign of each playbook about places. People at companies are meant by name, in campaigns made for them.
insert into app.campaigns (org_id, playbook, name, created_at)
select cast(:org_id as int), c.playbook, c.name, app.now()
  from unnest(cast(:playbooks as text[]), cast(:names as text[])) as c(playbook, name)
on conflict (org_id, playbook, name) do nothing;

-- name: queue_ready
-- Contactable leads that no campaign has taken wait in line.
update app.leads set campaign_status = 'queued'
 where org_id = cast(:org_id as int) and campaign_status = 'new' and lead_status = 'contactable' and merged_into is null;

-- name: feed
-- Each active broker gets the best leads (by lead score, then by arrival; never by a score that knows ages) up to what is left of the daily cap: own leads first, then unassigned ones, dealt out in
-- turn. A place comes through the campaign of its playbook, a person at a company through the campaign that means them. The rows are locked as they are chosen; what somebody else holds is left
-- for tomorrow.
with barred_people as materialized (   -- gathered once: looked up per lead they would cost a scan each while their statistics are stale
  select contact_id from app.suppressed_contacts where org_id = cast(:org_id as int)
), barred_emails as materialized (
  select value from app.suppressions where org_id = cast(:org_id as int) and kind = 'email' and lifted_at is null and 'email' = any(channels)
), reachable as not materialized (
  -- Addresses of people whom nothing forbids to write to.
  select p.org_id, p.contact_id, p.id as contact_point_id, p.score, p.status, p.verified, p.value, p.is_primary
    from app.contact_points p join app.contacts c on c.org_id = p.org_id and c.id = p.contact_id
   where p.kind = 'email' and p.status <> 'red' and not p.is_invalid and p.value ~ '^s[0-9]+\.'
     and not c.is_deceased and not c.is_litigator and c.needs_review_since is null
     and p.contact_id not in (select contact_id from barred_people) and p.value not in (select value from barred_emails)
), writable as not materialized (   -- and that a check called alive
  select org_id, contact_id, contact_point_id, score from reachable where verified
), brokers as materialized (
  select b.id, b.daily_cap - (
           select count(*) from app.enrollments e join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
            where e.org_id = b.org_id and l.assigned_broker_id = b.id and e.started_at >= cast(:day_starts as timestamptz)) as room
    from app.brokers b where b.org_id = cast(:org_id as int) and b.is_active
), books as materialized (   -- `name` is that of the standing campaign; a playbook about companies has none
  select v.playbook, v.name, string_to_array(v.personas, '|') as personas, cast(string_to_array(v.targets, '|') as company.role_code_t[]) as targets
    from unnest(cast(:playbooks as text[]), cast(:names as text[]), cast(:personas as text[]), cast(:targets as text[])) as v(playbook, name, personas, targets)
), campaigns as materialized (
  select c.id, c.playbook from app.campaigns c join books b on b.playbook = c.playbook and b.name = c.name
   where c.org_id = cast(:org_id as int) and c.is_active
), invited as materialized (
  -- Whom an active campaign means, each through their lead at a company and at their primary address, with the campaign that meant them first. Nobody whose address was written to under another entry, nor while another
  -- lead of theirs or (where a campaign of either keeps to one at a time) a colleague is under way; a colleague who was written to and did not answer has some days to.
  select distinct on (l.id) l.id, l.company_id, l.contact_id, l.assigned_broker_id, l.lead_score, l.first_seen_at, k.id as campaign_id, k.one_at_a_time, w.contact_point_id, w.value,
         coalesce(array_position(coalesce(nullif(k.targets, '{}'), b.targets), s.role_code), 9) as turn
    from app.campaign_contacts m
    join app.campaigns k on k.org_id = m.org_id and k.id = m.campaign_id and k.is_active
    join app.leads l on l.org_id = m.org_id and l.contact_id = m.contact_id and l.company_id = coalesce(m.company_id, l.company_id) and l.merged_into is null
    join books b on b.playbook = l.playbook and l.playbook = coalesce(k.playbook, l.playbook)
    join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id and (c.left_company_at is null or c.company_id is distinct from l.company_id)
    left join app.company_slots s on s.org_id = l.org_id and s.company_id = l.company_id and s.contact_id = l.contact_id
    join reachable w on w.org_id = l.org_id and w.contact_id = l.contact_id and w.is_primary and (w.status = 'green' or (w.status = 'yellow' and k.allow_yellow))
   where m.org_id = cast(:org_id as int) and m.removed_at is null and l.campaign_status in ('new', 'queued') and l.lead_status in ('contactable', 'enriched')
     and (cardinality(k.targets) = 0 or s.role_code = any(k.targets))
     and (l.assigned_broker_id is null or l.assigned_broker_id in (select id from brokers))
     and not exists (
       select 1 from app.leads o where o.org_id = l.org_id and o.contact_id = l.contact_id and o.id <> l.id and o.merged_into is null
          and (o.campaign_status in ('active', 'replied', 'paused', 'converted')
               or (o.company_id is null and o.campaign_status = 'queued' and o.lead_status = 'contactable' and o.playbook in (select playbook from campaigns))))
     and not exists (
       select 1 from app.contact_points t join app.leads o on o.org_id = t.org_id and o.contact_id = t.contact_id join app.enrollments e on e.org_id = o.org_id and e.lead_id = o.id and e.contact_point_id = t.id
        where t.org_id = l.org_id and t.kind = 'email' and t.value = w.value and t.contact_id <> l.contact_id)
     and not exists (select 1 from app.colleagues_under_way u where u.org_id = l.org_id and u.company_id = l.company_id and u.lead_id <> l.id and (k.one_at_a_time or u.one_at_a_time)
                        and (u.quiet_since is null or u.quiet_since > app.now() - cast(:time_to_answer as interval)))
   order by l.id, k.created_at, k.id
), in_turn as materialized (   -- a person once, then the companies' people in their order
  select i.*, row_number() over turns as place, first_value(i.one_at_a_time) over turns as first_is_alone
    from (select i.*, row_number() over (partition by i.value order by i.lead_score desc, i.turn, i.first_seen_at, i.company_id, i.contact_id) as mention from invited i) i
   where i.mention = 1
  window turns as (partition by i.company_id order by i.turn, i.lead_score desc, i.first_seen_at, i.contact_id)
), ready as (
  -- A person is written to about one lead at a time: the best of theirs, and none while another is under way.
  select l.id, l.assigned_broker_id, l.lead_score, l.first_seen_at, l.property_id as tie
    from app.leads l
   where l.org_id = cast(:org_id as int) and l.campaign_status = 'queued' and l.lead_status = 'contactable' and l.merged_into is null
     and l.playbook in (select playbook from campaigns)
     and exists (select 1 from writable w where w.org_id = l.org_id and w.contact_id = l.contact_id)
     and not exists (
       select 1 from app.leads o where o.org_id = l.org_id and o.contact_id = l.contact_id and o.id <> l.id and o.merged_into is null
          and (o.campaign_status in ('active', 'replied', 'paused', 'converted')
               or (o.campaign_status = 'queued' and o.lead_status = 'contactable' and o.playbook in (select playbook from campaigns)
                   and (o.assigned_broker_id is null or o.assigned_broker_id in (select id from brokers))
                   and row(-o.lead_score, o.first_seen_at, coalesce(o.property_id, 0), o.id)
                     < row(-l.lead_score, l.first_seen_at, coalesce(l.property_id, 0), l.id))))
  union all
  select i.id, i.assigned_broker_id, i.lead_score, i.first_seen_at, i.contact_id from in_turn i where i.place = 1 or not (i.one_at_a_time or i.first_is_alone)
), own as (
  select r.id, b.id as broker_id
    from brokers b
    cross join lateral (
      select r.id from ready r where r.assigned_broker_id = b.id and b.room > 0
       order by r.lead_score desc, r.first_seen_at, r.tie, r.id limit greatest(b.room, 0)) r
), free as (
  select b.id as broker_id, seat, row_number() over (order by seat, b.id) as place
    from (select b.id, b.room - (select count(*) from own where own.broker_id = b.id) as room from brokers b) b
    cross join lateral generate_series(1, b.room) seat
), dealt as (
  select r.id, f.broker_id
    from (select r.id, row_number() over (order by r.lead_score desc, r.first_seen_at, r.tie, r.id) as place
            from ready r where r.assigned_broker_id is null
           order by r.lead_score desc, r.first_seen_at, r.tie, r.id limit (select count(*) from free)) r
    join free f on f.place = r.place
), chosen as (
  select c.id, c.broker_id from (select * from own union all select * from dealt) c
), locked as (
  select l.id, c.broker_id, coalesce(i.campaign_id, k.id) as campaign_id,
         b.personas[1 + ('x' || substr(md5(coalesce(l.property_id::text, l.company_id || ':' || l.contact_id, l.id::text)), 1, 7))::bit(28)::int % cardinality(b.personas)] as persona,
         coalesce(i.contact_point_id, (
           select w.contact_point_id from writable w where w.org_id = l.org_id and w.contact_id = l.contact_id
            order by w.score desc nulls last, w.contact_point_id limit 1)) as contact_point_id
    from app.leads l join chosen c on c.id = l.id join books b on b.playbook = l.playbook left join campaigns k on k.playbook = l.playbook left join in_turn i on i.id = l.id
   where l.org_id = cast(:org_id as int) and l.merged_into is null and coalesce(i.campaign_id, k.id) is not null
     and case when i.id is null then l.campaign_status = 'queued' and l.lead_status = 'contactable'
              else l.campaign_status in ('new', 'queued') and l.lead_status in ('contactable', 'enriched') end
     for update of l skip locked
), started as (
  update app.leads l
     set campaign_status = 'active', added_to_campaign_at = app.now(), assigned_broker_id = k.broker_id, assigned_persona = k.persona, status_reason = 'fed'
    from locked k where l.org_id = cast(:org_id as int) and l.id = k.id
  returning l.id
)
insert into app.enrollments as e (org_id, campaign_id, lead_id, contact_point_id, persona, next_execution_at, started_at)
select cast(:org_id as int), k.campaign_id, k.id, k.contact_point_id, k.persona, app.now(), app.now()
  from locked k join started s on s.id = k.id
on conflict (org_id, campaign_id, lead_id) do update
   set state = 'active', next_execution_at = excluded.next_execution_at, started_at = excluded.started_at, ended_at = null, stop_reason = null,
       contact_point_id = excluded.contact_point_id
returning e.lead_id, e.persona, e.campaign_id;

-- name: follow_primaries
-- Sequences that are due, and whose address was replaced, go on at the one that took its place, as soon as it is sealed.
update app.enrollments e set contact_point_id = n.id
  from app.outreach_due d
  join app.enrolled_addresses a on a.org_id = d.org_id and a.enrollment_id = d.enrollment_id and a.address = 'replaced'
  join app.leads l on l.org_id = d.org_id and l.id = d.lead_id
  join app.contact_points n on n.org_id = l.org_id and n.contact_id = l.contact_id and n.is_primary and n.value ~ '^s[0-9]+\.'
 where e.org_id = cast(:org_id as int) and e.org_id = d.org_id and e.id = d.enrollment_id and e.contact_point_id = d.contact_point_id and e.state in ('active', 'paused');

-- name: dead_addresses
-- Steps whose address a check, or a person, has called dead since the sequence began.
select d.enrollment_id, d.lead_id, d.contact_point_id, d.current_step
  from app.outreach_due d
  join app.enrolled_addresses a on a.org_id = d.org_id and a.enrollment_id = d.enrollment_id and a.address = 'dead'
 order by d.next_execution_at, d.enrollment_id limit cast(:limit as int);

-- name: due
-- Steps to be tried, oldest first, or the ones of these that still are. A campaign that was switched off keeps its people waiting; a dead address is left first.
select d.enrollment_id, d.lead_id, d.contact_point_id, d.campaign_id, d.current_step, l.campaign_status, l.playbook, l.contact_id, d.persona, a.address,
       l.company_id is null or cardinality(c.targets) = 0
         or exists (select 1 from app.company_slots s where s.org_id = l.org_id and s.company_id = l.company_id and s.contact_id = l.contact_id and s.role_code = any(c.targets)) as is_meant,
       exists (select 1 from app.campaign_contacts k where k.org_id = d.org_id and k.campaign_id = d.campaign_id and k.contact_id = l.contact_id and k.removed_at is not null) as was_removed
  from app.outreach_due d
  join app.enrolled_addresses a on a.org_id = d.org_id and a.enrollment_id = d.enrollment_id
  join app.campaigns c on c.org_id = d.org_id and c.id = d.campaign_id and c.is_active
  join app.leads l on l.org_id = d.org_id and l.id = d.lead_id
 where a.address <> 'dead' and (cast(:ids as bigint[]) is null or d.enrollment_id = any(cast(:ids as bigint[])))
 order by d.next_execution_at, d.enrollment_id limit cast(:limit as int);

-- name: lock_writing
-- One author per org at a time: the letters of a batch are written, authorised and committed before the next batch is read.
select pg_advisory_xact_lock(hashtextextended('outreach:' || cast(:org_id as int), 0));

-- name: still_due
-- The same steps again, with their rows held: what another worker took meanwhile is gone, what a reply holds is skipped. Everybody
-- takes enrollments before leads, leads before the gate's chain, and people last.
select e.id as enrollment_id, e.campaign_id, e.lead_id, e.contact_point_id, e.persona, e.current_step, l.contact_id, l.playbook, l.campaign_status
  from app.enrollments e
  join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
 where e.org_id = cast(:org_id as int) and e.id = any(cast(:ids as bigint[])) and e.state in ('active', 'paused') and e.next_execution_at <= app.now()
   and exists (select 1 from app.enrolled_addresses a where a.org_id = e.org_id and a.enrollment_id = e.id and a.address = 'good')
 order by e.next_execution_at, e.id
   for update of e, l skip locked;

-- name: addressees
-- All that an email to one contact point of a lead may say.
select l.id as lead_id, p.id as contact_point_id, l.playbook, l.contact_id, p.value,
       case when p.source in ('person', 'form', 'reply') then 'person' when p.vendor_call_id is not null then 'vendor' else 'file' end as provenance, p.source,
       c.kind as contact_kind, c.first_name, c.full_name, c.company, c.title, c.age, coalesce(pr.city, co.city) as city, pr.address_line1,
       co.name as company_name, to_char(make_date(2000, co.renewal_month, 1), 'FMMonth') as renewal_month,
       b.name as broker_name, b.calendar_username, b.calendar_event_slug, o.legal_name, o.name as org_name, o.postal_address, o.from_domain, o.timezone
  from unnest(cast(:lead_ids as uuid[]), cast(:point_ids as bigint[])) as a(lead_id, point_id)
  join app.leads l on l.org_id = cast(:org_id as int) and l.id = a.lead_id
  join app.contact_points p on p.org_id = l.org_id and p.id = a.point_id
  join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
  join app.orgs o on o.id = l.org_id
  left join app.properties pr on pr.org_id = l.org_id and pr.id = l.property_id
  left join app.companies co on co.org_id = l.org_id and co.id = l.company_id
  left join app.brokers b on b.org_id = l.org_id and b.id = l.assigned_broker_id;

-- name: threads
-- The emails that already went out in each sequence, oldest first; a note or a call that a person made hangs on no thread.
select m.enrollment_id, array_agg(m.message_id order by m.step) as message_ids
  from app.message_log m
 where m.org_id = cast(:org_id as int) and m.enrollment_id = any(cast(:ids as bigint[])) and m.direction = 'outbound' and m.state in ('sent', 'in_doubt')
   and m.channel = 'email' and m.message_id is not null and m.lead_id = any(cast(:lead_ids as uuid[]))
 group by m.enrollment_id;

-- name: replaced
select a.enrollment_id from app.enrolled_addresses a where a.org_id = cast(:org_id as int) and a.enrollment_id = any(cast(:ids as bigint[])) and a.address = 'replaced';

-- name: not_good_any_more
-- Of these sequences, the ones whose address turned since they were authorised.
select a.enrollment_id from app.enrolled_addresses a where a.org_id = cast(:org_id as int) and a.enrollment_id = any(cast(:ids as bigint[])) and a.address <> 'good';

-- name: write_down
insert into app.message_log (org_id, at, lead_id, contact_id, contact_point_id, enrollment_id, campaign_id, step, persona, direction, channel, state,
                             message_id, in_reply_to, subject, body_sealed, attempt_id, worker_id)
select cast(:org_id as int), app.now(), l.id, l.contact_id, cast(:contact_point_id as bigint), cast(:enrollment_id as bigint),
       cast(:campaign_id as bigint), cast(:step as int), :persona, 'outbound', 'email', 'sending', :message_id, :in_reply_to, :subject, :body_sealed,
       cast(:attempt_id as bigint), cast(:worker_id as uuid)
  from app.leads l where l.org_id = cast(:org_id as int) and l.id = cast(:lead_id as uuid)
returning id, at;

-- name: advance
-- The sequence goes on from the moment the email is authorised: whatever happens to this process, the step is not tried again.
update app.enrollments
   set current_step = cast(:step as int), state = case when cast(:next_at as timestamptz) is null then 'finished' else 'active' end,
       next_execution_at = cast(:next_at as timestamptz), ended_at = case when cast(:next_at as timestamptz) is null then app.now() end, stop_reason = null
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and state in ('active', 'paused') and current_step = cast(:step as int) - 1;

-- name: resume_leads
update app.leads set campaign_status = 'active' where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid) and campaign_status = 'paused';

-- name: step_back
-- The email certainly did not leave: the step is due again.
update app.enrollments
   set current_step = least(current_step, cast(:step as int) - 1), state = 'active', next_execution_at = cast(:at as timestamptz), ended_at = null, stop_reason = null
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and state in ('active', 'paused', 'finished');

-- name: postpone
-- Only steps that are still where they were seen: another worker may have taken them meanwhile.
update app.enrollments e set next_execution_at = v.at
  from unnest(cast(:ids as bigint[]), cast(:steps as int[]), cast(:ats as timestamptz[])) as v(id, step, at)
 where e.org_id = cast(:org_id as int) and e.id = v.id and e.current_step = v.step and e.state in ('active', 'paused') and e.next_execution_at <= app.now();

-- name: stop
update app.enrollments e set state = 'stopped', ended_at = app.now(), stop_reason = v.reason
  from unnest(cast(:ids as bigint[]), cast(:reasons as text[])) as v(id, reason)
 where e.org_id = cast(:org_id as int) and e.id = v.id and e.state in ('active', 'paused')
returning e.id, e.lead_id, e.stop_reason;

-- name: stop_lead
update app.enrollments set state = 'stopped', ended_at = app.now(), stop_reason = :reason
 where org_id = cast(:org_id as int) and lead_id = cast(:lead_id as uuid) and state in ('active', 'paused')
returning id, lead_id, stop_reason;

-- name: pause_lead
update app.enrollments set state = 'paused', next_execution_at = cast(:until as timestamptz)
 where org_id = cast(:org_id as int) and lead_id = cast(:lead_id as uuid) and state in ('active', 'paused')
returning id;

-- name: settle
-- Emails whose sender died before it could say how it went: perhaps they arrived, so they count as sent and are never sent again.
update app.message_log m set state = 'in_doubt', sent_at = m.at
 where m.org_id = cast(:org_id as int) and m.state = 'sending'
   and (m.at <= app.now() - interval '15 minutes'
        or exists (select 1 from app.workers w where w.id = m.worker_id and w.stopped_at is not null))
returning m.id, m.lead_id, m.attempt_id, m.step, m.enrollment_id;

-- name: sent
-- `untold`: nobody put it in doubt meanwhile, and with that told of it.
with found as (
  select m.id, m.at, m.state = 'sending' as untold from app.message_log m
   where m.org_id = cast(:org_id as int) and m.id = any(cast(:ids as bigint[])) and m.at = any(cast(:ats as timestamptz[])) and m.state in ('sending', 'in_doubt') for update
)
update app.message_log m set state = 'sent', sent_at = app.now() from found f where m.org_id = cast(:org_id as int) and m.id = f.id and m.at = f.at
returning m.id, f.untold;

-- name: not_sent
with found as (
  select m.id, m.at, m.state = 'sending' as untold from app.message_log m
   where m.org_id = cast(:org_id as int) and m.id = cast(:id as bigint) and m.at = cast(:at as timestamptz) and m.state in ('sending', 'in_doubt') for update
)
update app.message_log m set state = cast(:state as text), sent_at = case when cast(:state as text) = 'in_doubt' then m.at end from found f where m.org_id = cast(:org_id as int) and m.id = f.id and m.at = f.at
returning m.id, f.untold;

-- name: count_step
update app.leads l
   set current_sequence_step = greatest(l.current_sequence_step, v.step), sales_stage = case when l.sales_stage = 'new' then 'contacted' else l.sales_stage end
  from unnest(cast(:lead_ids as uuid[]), cast(:steps as int[])) as v(lead_id, step)
 where l.org_id = cast(:org_id as int) and l.id = v.lead_id;

-- name: address
select value from app.contact_points where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: hold_enrollments_at
-- Enrollments of everybody who carries an address, held before their leads.
select e.id from app.enrollments e
 where e.org_id = cast(:org_id as int) and e.lead_id in (
   select l.id from app.leads l join app.contact_points p on p.org_id = l.org_id and p.contact_id = l.contact_id
    where l.org_id = e.org_id and p.kind = 'email' and p.value = any(cast(:values as text[])))
 order by e.id for update;

-- name: hold_leads_at
select l.id from app.leads l
 where l.org_id = cast(:org_id as int) and l.contact_id in (
   select p.contact_id from app.contact_points p where p.org_id = l.org_id and p.kind = 'email' and p.value = any(cast(:values as text[])))
 order by l.id for update;

-- name: kill_address
-- The mailbox does not exist: red for everybody who carries it, and their leads are scored anew.
with dead as (
  update app.contact_points p set status = 'red', verified = false, bounced_at = app.now()
   where p.org_id = cast(:org_id as int) and p.kind = 'email' and p.value = any(cast(:values as text[]))
  returning p.contact_id
)
update app.leads l set facts_changed_at = app.now() from dead where l.org_id = cast(:org_id as int) and l.contact_id = dead.contact_id;

-- name: show_living
select people.show_living_email(array(select p.contact_id from app.contact_points p where p.org_id = cast(:org_id as int) and p.kind = 'email' and p.value = any(cast(:values as text[]))));

-- name: next_address
-- The best other address of the person that a check called alive and nothing forbids; at a company a green one, or a yellow one where the campaign takes it.
select p.id from app.contact_points p join app.leads l on l.org_id = p.org_id and l.contact_id = p.contact_id
 where l.org_id = cast(:org_id as int) and l.id = cast(:lead_id as uuid) and p.kind = 'email' and not p.is_invalid
   and case when l.company_id is null then p.verified and p.status <> 'red'
            else p.status = 'green' or (p.status = 'yellow' and exists (select 1 from app.enrollments e join app.campaigns k on k.org_id = e.org_id and k.id = e.campaign_id
                                                                          where e.org_id = l.org_id and e.lead_id = l.id and e.state <> 'stopped' and k.allow_yellow)) end
   and not exists (select 1 from app.suppressions s where s.org_id = p.org_id and s.kind = 'email' and s.value = p.value
                      and s.lifted_at is null and 'email' = any(s.channels))
 order by p.status = 'green' desc, p.score desc nulls last, p.id limit 1;

-- name: leave_primary
-- At a company the address that is used is the one that is shown.
update app.contact_points p set is_primary = false
  from app.contact_points o join app.leads l on l.org_id = o.org_id and l.contact_id = o.contact_id
 where o.org_id = cast(:org_id as int) and o.id = cast(:contact_point_id as bigint) and l.id = cast(:lead_id as uuid) and l.company_id is not null
   and p.org_id = o.org_id and p.contact_id = o.contact_id and p.is_primary and p.id <> o.id;

-- name: take_primary
update app.contact_points o set is_primary = true
  from app.leads l
 where o.org_id = cast(:org_id as int) and o.id = cast(:contact_point_id as bigint) and l.org_id = o.org_id and l.id = cast(:lead_id as uuid) and l.company_id is not null and not o.is_primary;

-- name: switch_address
update app.enrollments
   set contact_point_id = cast(:contact_point_id as bigint), current_step = least(current_step, cast(:step as int) - 1), state = 'active',
       next_execution_at = greatest(app.now(), case when state = 'paused' then next_execution_at else app.now() end), ended_at = null, stop_reason = null
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and state in ('active', 'paused', 'finished');

-- name: lead_bounced
update app.leads set campaign_status = 'bounced', status_reason = 'no address left'
 where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid) and campaign_status in ('queued', 'active', 'paused');

-- name: give_up
update app.leads l set campaign_status = 'do_not_contact', status_reason = v.reason
  from unnest(cast(:lead_ids as uuid[]), cast(:reasons as text[])) as v(lead_id, reason)
 where l.org_id = cast(:org_id as int) and l.id = v.lead_id and l.campaign_status in ('active', 'paused');
