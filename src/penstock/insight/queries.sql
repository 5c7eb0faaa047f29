-- name: diary
-- Everything on record about a lead, in order. `detail` is an object that Python puts into words; `cents` is money out (or, for billing, in).
with lines as (
  select at, 10 as rank, id::text as tie, stage, event_type as what, details - 'lead_id' as detail, null::numeric as cents
    from app.pipeline_events where lead_id = cast(:lead_id as uuid)
  union all
  select at, 20, id::text, 'compliance', 'gate: ' || verdict,
         jsonb_build_object('channel', channel, 'phase', phase, 'reasons', case when verdict = 'DENY' then array_to_string(reasons, ' ') end, 'until', case when verdict = 'DENY' then next_permitted_at end, 'cure', cure), null
    from app.contact_decisions where lead_id = cast(:lead_id as uuid)
  union all
  select at, 25, id::text, 'compliance', 'consent ' || action, jsonb_build_object('text', text_id, 'reason', reason), null
    from app.lead_consent_audit where lead_id = cast(:lead_id as uuid)
  union all
  select reserved_at, 30, id::text, stage, case status when 'reserved' then 'reserved ' when 'released' then 'gave back ' else 'bought ' end || operation,
         jsonb_build_object('vendor', vendor, 'status', status, 'found', found), cost_cents
    from app.vendor_calls where lead_id = cast(:lead_id as uuid)
  union all
  select coalesce(sent_at, at), 40, id::text, case direction when 'outbound' then 'outreach' else 'replies' end, channel || ' ' || state,
         jsonb_build_object('step', step, 'persona', persona, 'subject', case direction when 'outbound' then subject end, 'intent', intent), null
    from app.message_log where lead_id = cast(:lead_id as uuid)
  union all
  select coalesce(placed_at, reserved_at), 50, id::text, 'voice', 'call ' || state,
         jsonb_build_object('attempt', attempt_no, 'outcome', outcome, 'ended', ended_reason, 'callback', callback_at), null
    from app.calls where lead_id = cast(:lead_id as uuid)
  union all
  select created_at, 60, id::text, 'booking', 'appointment ' || status, jsonb_build_object('starts', starts_at, 'source', source, 'cancelled', cancellation_reason), null
    from app.appointments where lead_id = cast(:lead_id as uuid)
  union all
  select e.occurred_at, 70, e.id::text, 'billing', e.kind || ' ' || e.event_type, jsonb_build_object('reference', e.reference, 'invoice', i.number), il.amount_cents
    from app.billing_events e
    left join app.invoices i on i.org_id = e.org_id and i.id = e.invoice_id
    left join app.invoice_lines il on il.org_id = e.org_id and il.event_id = e.id
   where e.lead_id = cast(:lead_id as uuid)
  union all
  select s.created_at, 5, s.id::text, 'signals', 'signal ' || s.reason, jsonb_build_object('outcome', s.outcome), null
    from app.signals s join app.leads l on l.org_id = s.org_id and l.company_id = s.company_id where l.id = cast(:lead_id as uuid)
  union all
  select s.filled_at, 6, s.id::text, 'identity', 'took a slot', jsonb_build_object('slot', s.role_code), null
    from app.company_slots s join app.leads l on l.org_id = s.org_id and l.company_id = s.company_id and l.contact_id = s.contact_id where l.id = cast(:lead_id as uuid) and s.filled_at is not null
  union all
  select m.created_at, 15, m.id::text, 'outreach', 'joined a campaign', jsonb_build_object('campaign', k.name), null
    from app.campaign_contacts m
    join app.campaigns k on k.org_id = m.org_id and k.id = m.campaign_id
    join app.leads l on l.org_id = m.org_id and l.contact_id = m.contact_id and l.company_id = coalesce(m.company_id, l.company_id) and l.playbook = coalesce(k.playbook, l.playbook)
   where l.id = cast(:lead_id as uuid)
  union all
  select m.removed_at, 16, m.id::text, 'outreach', 'taken out of a campaign', jsonb_build_object('campaign', k.name), null
    from app.campaign_contacts m
    join app.campaigns k on k.org_id = m.org_id and k.id = m.campaign_id
    join app.leads l on l.org_id = m.org_id and l.contact_id = m.contact_id and l.company_id = coalesce(m.company_id, l.company_id) and l.playbook = coalesce(k.playbook, l.playbook)
   where l.id = cast(:lead_id as uuid) and m.removed_at is not null
  union all
  select closed_at, 45, id::text, 'outreach', 'task ' || state, jsonb_build_object('task', id, 'channel', channel, 'step', step, 'reason', reason), null
    from app.tasks where lead_id = cast(:lead_id as uuid) and state in ('skipped', 'withdrawn')
)
select at, stage, what, detail, cents from lines order by at, rank, length(tie), tie;

-- name: lead_spend
select stage, vendor, operation, count(*) as calls, count(*) filter (where found) as found, sum(cost_cents) as cents
  from app.vendor_calls where lead_id = cast(:lead_id as uuid) and cost_cents > 0
 group by stage, vendor, operation order by cents desc, stage, vendor, operation;

-- name: find_lead
-- A lead by its id, the start of its id, or a contact point in any of its sealed forms.
select l.id from app.leads l
 where l.merged_into is null
   and (l.id::text like cast(:start as text) || '%'
        or exists (select 1 from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and p.value = any(cast(:sealed as text[]))))
 order by l.id limit 20;

-- name: events
select stage, event_type, count(*) as events, count(distinct lead_id) as leads, avg(duration_ms)::float as mean_ms,
       percentile_cont(0.95) within group (order by duration_ms) as p95_ms
  from app.pipeline_events
 where at >= coalesce(cast(:since as timestamptz), '-infinity') and at < coalesce(cast(:until as timestamptz), 'infinity')
 group by stage, event_type order by min(at), stage, event_type;

-- name: reached
-- How far the leads first seen in the period have come. Every figure counts leads, but for read, inserted, updated, duplicates and rejected, which count rows.
with cohort as (
  select org_id, id, contact_id, lead_status, campaign_status, waterfall_step, last_reply_at, consented_at, call_attempt_count
    from app.leads
   where merged_into is null and first_seen_at >= coalesce(cast(:since as timestamptz), '-infinity') and first_seen_at < coalesce(cast(:until as timestamptz), 'infinity')
), rows_in as (
  select coalesce(sum(rows_read), 0) as read, coalesce(sum(inserted), 0) as inserted, coalesce(sum(updated), 0) as updated,
         coalesce(sum(duplicate_in_file), 0) as duplicate_in_file, coalesce(sum(rejected), 0) as rejected
    from app.uploads
   where playbook <> 'permits' and created_at >= coalesce(cast(:since as timestamptz), '-infinity') and created_at < coalesce(cast(:until as timestamptz), 'infinity')
), mailed as (
  select distinct org_id, lead_id from app.message_log where direction = 'outbound' and channel = 'email' and state in ('sent', 'in_doubt')
), verified as (
  select distinct org_id, contact_id from app.contact_points where verified
), booked as (
  select distinct org_id, lead_id from app.appointments
), invoiced as (
  select distinct org_id, lead_id from app.invoice_lines
)
select r.*, f.*
  from rows_in r cross join (
    select count(*) as leads,
           count(*) filter (where c.waterfall_step > 0) as enriched,
           count(*) filter (where v.contact_id is not null) as verified,
           count(*) filter (where c.lead_status = 'contactable') as contactable,
           count(*) filter (where m.lead_id is not null) as emailed,
           count(*) filter (where c.last_reply_at is not null) as replied,
           count(*) filter (where c.consented_at is not null) as consented,
           count(*) filter (where c.call_attempt_count > 0) as called,
           count(*) filter (where b.lead_id is not null) as booked,
           count(*) filter (where i.lead_id is not null) as invoiced
      from cohort c
      left join mailed m on m.org_id = c.org_id and m.lead_id = c.id
      left join verified v on v.org_id = c.org_id and v.contact_id = c.contact_id
      left join booked b on b.org_id = c.org_id and b.lead_id = c.id
      left join invoiced i on i.org_id = c.org_id and i.lead_id = c.id) f;

-- name: companies
-- How far the companies first seen in the period have come. Every figure counts companies but for slots, green slots, signals and hand-offs.
with cohort as (
  select org_id, id from app.companies
   where merged_into is null and created_at >= coalesce(cast(:since as timestamptz), '-infinity') and created_at < coalesce(cast(:until as timestamptz), 'infinity')
), slots as (
  select count(*) as filled, count(p.id) as green
    from cohort c join app.company_slots s on s.org_id = c.org_id and s.company_id = c.id and s.contact_id is not null
    left join app.contact_points p on p.org_id = s.org_id and p.contact_id = s.contact_id and p.is_primary and p.status = 'green'
), reached as (
  select l.org_id, l.company_id, bool_or(l.added_to_campaign_at is not null and m.lead_id is not null) as emailed, bool_or(l.last_reply_at is not null) as replied, bool_or(a.lead_id is not null) as booked
    from cohort c join app.leads l on l.org_id = c.org_id and l.company_id = c.id and l.merged_into is null
    left join (select distinct org_id, lead_id from app.message_log where direction = 'outbound' and channel = 'email' and state in ('sent', 'in_doubt')) m on m.org_id = l.org_id and m.lead_id = l.id
    left join (select distinct org_id, lead_id from app.appointments) a on a.org_id = l.org_id and a.lead_id = l.id
   group by l.org_id, l.company_id
)
select (select count(*) from cohort) as companies, s.filled as slots_filled, s.green as slots_green,
       (select count(*) from company.vw_next_renewal r join cohort c on c.id = r.company_id join app.orgs o on o.id = c.org_id where r.campaign_window_start <= (app.now() at time zone o.timezone)::date) as in_window,
       (select count(*) from app.signals g join cohort c on c.org_id = g.org_id and c.id = g.company_id) as signals,
       (select count(*) filter (where emailed) from reached) as emailed, (select count(*) filter (where replied) from reached) as replied, (select count(*) filter (where booked) from reached) as booked,
       (select count(*) from app.handoffs h join cohort c on c.org_id = h.org_id and c.id = h.company_id) as handed_off
  from slots s;

-- name: spend
-- Reserved and in-doubt calls count: until they are settled the money may be gone.
select stage, vendor, operation, count(*) as calls, sum(cost_cents) as cents
  from app.vendor_calls
 where cost_cents > 0 and reserved_at >= coalesce(cast(:since as timestamptz), '-infinity') and reserved_at < coalesce(cast(:until as timestamptz), 'infinity')
 group by 1, 2, 3 order by 1, cents desc, 2, 3;

-- name: income
select coalesce(sum(il.amount_cents), 0) as invoiced_cents,
       (select count(*) from app.appointments a where a.status in ('accepted', 'pending', 'held', 'no_show')
           and a.created_at >= coalesce(cast(:since as timestamptz), '-infinity') and a.created_at < coalesce(cast(:until as timestamptz), 'infinity')) as appointments
  from app.invoice_lines il join app.billing_events e on e.org_id = il.org_id and e.id = il.event_id
 where e.occurred_at >= coalesce(cast(:since as timestamptz), '-infinity') and e.occurred_at < coalesce(cast(:until as timestamptz), 'infinity');

-- name: held_back
-- Leads that nobody has written to or called, each under the one reason that stands in its way first.
select case
         when l.waterfall_exhausted_at is null and l.lead_status = 'new' then 'not enriched yet'
         when c.is_deceased then 'owner deceased'
         when s.contact_id is not null then 'suppressed: ' || s.reason
         when d.reason is not null then 'gate: ' || d.reason
         when l.lead_status = 'do_not_contact' then coalesce(l.status_reason, 'quality score below 40')
         when not exists (select 1 from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id) then 'no phone or email found'
         when l.lead_status = 'enriched' then 'quality score below 60'
         when l.company_id is not null and l.campaign_status in ('new', 'queued')
              and not exists (select 1 from app.campaign_contacts m where m.org_id = l.org_id and m.contact_id = l.contact_id and m.removed_at is null and coalesce(m.company_id, l.company_id) = l.company_id) then 'in no campaign yet'
         when l.company_id is not null and l.campaign_status in ('new', 'queued') and exists (select 1 from app.colleagues_under_way u where u.org_id = l.org_id and u.company_id = l.company_id and u.lead_id <> l.id)
           then 'a colleague is talked to first'
         when l.campaign_status = 'new' or l.campaign_status = 'queued' then 'waiting for the feeder'
         else 'waiting in ' || l.campaign_status::text
       end as reason, count(*) as leads
  from app.leads l
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
  left join lateral (select s.contact_id, s.reason from app.suppressions s where s.org_id = l.org_id and s.contact_id = l.contact_id and s.lifted_at is null order by s.id limit 1) s on true
  left join lateral (select d.reason from app.contact_decisions d where d.org_id = l.org_id and d.lead_id = l.id and d.verdict = 'DENY' order by d.at desc, d.id desc limit 1) d on true
 where l.merged_into is null and l.call_attempt_count = 0
   and not exists (select 1 from app.message_log m where m.org_id = l.org_id and m.lead_id = l.id and m.direction = 'outbound' and m.state in ('sent', 'in_doubt'))
 group by 1 order by leads desc, reason;

-- name: gauges
-- Over all orgs: asked as the login user.
select 'dlq' as metric, stage as label, count(*)::float as value from app.dlq group by stage
union all select 'jobs', status::text, count(*) from public.procrastinate_jobs group by status
union all select 'alerts', rule, count(*) from app.alerts where resolved_at is null group by rule
union all select 'leads', campaign_status::text, count(*) from app.leads where merged_into is null group by campaign_status
union all select 'vendor_cents', vendor, sum(cost_cents)::float from app.vendor_calls group by vendor;

-- name: readings
-- A request that names nobody's key, and a link or address with a made-up token, says nothing of our keys. But where
-- nothing else comes in any more at an address, the service that posts there may have an outdated one.
with checks as (
  select route, ok, coalesce(reason, '') in ('unsigned', 'token', 'unknown token') as of_nobody
    from app.signature_checks where at > app.now() - interval '1 hour' and org_id is not null
), signed as (
  select ok from checks where not of_nobody
)
select (select count(*) from signed) as signatures_checked,
       (select count(*) from signed where not ok) as signatures_bad,
       (select coalesce(array_agg(route order by route), '{}') from (
          select route from checks group by route having bool_or(of_nobody) and not bool_or(ok)) r
         where exists (select 1 from app.signature_checks c where c.route = r.route and c.ok and c.org_id is not null and c.at > app.now() - interval '30 days')) as routes_refusing,
       (select count(*) from app.dlq) as dlq_depth,
       refresh.state = 'failed' as refresh_failed, refresh.error as refresh_error,
       feeder.state = 'failed' as feeder_failed, feeder.error as feeder_error,
       portals.state = 'failed' as permits_failed, portals.error as permits_error,
       (select count(*) from app.usage_events where meter_state = 'refused' and withdrawn_at is null) as usage_refused,
       reconcile.state = 'failed' as reconcile_failed, reconcile.error as reconcile_error, reconcile.result -> 'differences' as usage_differences,
       (select jsonb_agg(jsonb_build_object('broker', b.name, 'customer', s.stripe_customer_id, 'ended', a.details ->> 'ended', 'invoice', a.details ->> 'invoice', 'day', cast(a.at at time zone 'UTC' as date)) order by a.id)
          from app.audit_logs a join app.brokers b on b.org_id = a.org_id and cast(b.id as text) = a.object_id join app.subscriptions s on s.org_id = b.org_id and s.broker_id = b.id
         where a.object_type = 'subscription' and a.action = 'second subscription found' and a.at > app.now() - interval '7 days') as second_subscriptions,
       (select count(*) from app.unattended_appointments) as meetings_unattended,
       (select count(*) from app.audit_logs where action = 'refused' and object_type = 'upload' and details ->> 'reason' = 'duplicate' and at > app.now() - interval '10 minutes') as duplicate_uploads
  from (select 1) one
  left join lateral (select state, error from app.timetable_runs where job = 'refresh_contactable' and state <> 'running' order by slot desc limit 1) refresh on true
  left join lateral (select state, error from app.timetable_runs where job = 'feed_campaigns' and state <> 'running' order by slot desc limit 1) feeder on true
  left join lateral (select state, error from app.timetable_runs where job = 'pull_permits' and state <> 'running' order by slot desc limit 1) portals on true
  left join lateral (select state, error, result from app.timetable_runs where job = 'reconcile_usage' and state <> 'running' order by slot desc limit 1) reconcile on true;

-- name: fire
-- The unique index on open alerts makes a second worker's insert a no-op: an alert is fired by whoever came first, once.
insert into app.alerts (org_id, rule, value, fired_at, details)
select cast(:org_id as int), v.rule, v.value, app.now(), cast(:details as jsonb)
  from unnest(cast(:rules as text[]), cast(:values as text[])) v (rule, value)
on conflict (org_id, rule) where resolved_at is null do nothing
returning id, rule, value, fired_at;

-- name: resolve
update app.alerts set resolved_at = app.now()
 where resolved_at is null and rule <> all(cast(:holding as text[]))
returning id, rule, value, fired_at, resolved_at;

-- name: receivers
select name, alert_webhook_url, alert_email, alert_secret_sealed from app.orgs where id = app.current_org();

-- name: notify
insert into app.notifications (org_id, kind, channel, target_sealed, secret_sealed, payload_sealed, dedupe_key, next_attempt_at, created_at)
values (cast(:org_id as int), 'alert', :channel, :target_sealed, :secret_sealed, :payload_sealed, :dedupe_key, app.now(), app.now())
on conflict (org_id, dedupe_key) do nothing;
