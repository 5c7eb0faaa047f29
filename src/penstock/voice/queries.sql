-- name: lines_in_use
-- Half an hour after it was placed, or would have been, a call is over, reported and looked up or not: none lasts longer than five minutes.
select count(*) from app.calls where state in ('reserved', 'in_doubt', 'placed') and coalesce(placed_at, reserved_at) >= app.now() - interval '30 minutes';

-- name: due
-- With the number the newest written consent names, if it is still alive.
select d.lead_id, d.contact_id, d.playbook, d.assigned_broker_id as broker_id, d.call_attempt_count as attempts, p.id as contact_point_id, p.value as phone, p.verified_at,
       c.first_name, c.full_name, r.state, o.legal_name, o.support_phone, o.timezone
  from app.calls_due d
  join app.orgs o on o.id = d.org_id
  join app.leads l on l.org_id = d.org_id and l.id = d.lead_id
  left join app.properties r on r.org_id = l.org_id and r.id = l.property_id
  left join app.contacts c on c.org_id = d.org_id and c.id = d.contact_id
  left join lateral (
    select k.phone from app.consents k
     where k.org_id = d.org_id and k.contact_id = d.contact_id and k.revoked_at is null and 'voice_ai' = any(k.channels)
     order by k.captured_at desc limit 1) k on true
  left join app.contact_points p
    on p.org_id = d.org_id and p.contact_id = d.contact_id and p.kind = 'phone' and p.value = k.phone and not p.is_invalid and p.status <> 'red'
 order by d.due_at, d.lead_id limit cast(:limit as int);

-- name: pool
-- The broker's numbers, and those that belong to nobody; a number already assigned to the lead stands first.
select n.id, n.e164, n.state, n.health_score, n.vendor_number_id, a.id is not null as assigned,
       (select count(*) from app.calls c where c.org_id = n.org_id and c.number_id = n.id and c.reserved_at >= cast(:since as timestamptz)) as used_today
  from app.phone_numbers n
  left join app.lead_number_assignments a on a.org_id = n.org_id and a.number_id = n.id and a.lead_id = cast(:lead_id as uuid) and a.status in ('active', 'booked_locked')
 where n.is_active and (n.broker_id = cast(:broker_id as uuid) or n.broker_id is null);

-- name: assign_number
-- Keeps a live assignment of this number; one of another number (gone, or resting) is released by the statement before.
insert into app.lead_number_assignments (org_id, lead_id, number_id, status, created_at, changed_at)
values (cast(:org_id as int), cast(:lead_id as uuid), cast(:number_id as bigint), 'active', app.now(), app.now())
on conflict do nothing;

-- name: release_other_numbers
update app.lead_number_assignments set status = 'released', changed_at = app.now()
 where lead_id = cast(:lead_id as uuid) and status = 'active' and number_id <> cast(:number_id as bigint);

-- name: postpone
update app.leads set next_call_at = cast(:at as timestamptz) where id = cast(:lead_id as uuid);

-- name: reserve_call
-- One row per lead and attempt. A row that never reached the vendor is used again; any other row means: somebody is on it.
insert into app.calls (org_id, lead_id, contact_id, contact_point_id, number_id, attempt_no, attempt_id, state, worker_id, reserved_at)
values (cast(:org_id as int), cast(:lead_id as uuid), cast(:contact_id as bigint), cast(:contact_point_id as bigint), cast(:number_id as bigint),
        cast(:attempt_no as int), cast(:attempt_id as bigint), 'reserved', cast(:worker_id as uuid), app.now())
on conflict (org_id, lead_id, attempt_no) do update
   set contact_point_id = excluded.contact_point_id, number_id = excluded.number_id, state = 'reserved', worker_id = excluded.worker_id, reserved_at = excluded.reserved_at,
       vapi_call_id = null, outcome = null, ended_reason = null, placed_at = null, started_at = null, ended_at = null, attempt_id = excluded.attempt_id
 where calls.state = 'failed'
returning id;

-- name: pay_with
update app.calls set vendor_call_id = cast(:vendor_call_id as bigint) where id = cast(:call_id as uuid);

-- name: placed
-- Whoever hears first that the call exists, our own request or a webhook, counts it; the other finds it counted.
with call as (
  update app.calls set vapi_call_id = coalesce(vapi_call_id, :vapi_call_id), placed_at = app.now(), state = 'placed'
   where id = cast(:call_id as uuid) and placed_at is null and state in ('reserved', 'in_doubt')
  returning org_id, id, lead_id, number_id, attempt_no, attempt_id, vapi_call_id
), number as (
  update app.phone_numbers n set calls_placed = n.calls_placed + 1, last_used_at = app.now() from call where n.org_id = call.org_id and n.id = call.number_id
), assignment as (
  update app.lead_number_assignments a set attempts = a.attempts + 1, changed_at = app.now() from call
   where a.org_id = call.org_id and a.lead_id = call.lead_id and a.number_id = call.number_id and a.status = 'active'
)
update app.leads l set vapi_call_id = call.vapi_call_id, call_attempt_count = greatest(l.call_attempt_count, call.attempt_no)
  from call where l.org_id = call.org_id and l.id = call.lead_id
returning l.id as lead_id, call.attempt_no, call.attempt_id, call.number_id;

-- name: doubt
update app.calls set state = 'in_doubt' where id = cast(:call_id as uuid) and state = 'reserved';

-- name: never_placed
update app.calls set state = 'failed' where id = cast(:call_id as uuid) and state in ('reserved', 'in_doubt')
returning lead_id, attempt_id, vendor_call_id;

-- name: in_doubt
-- Unclear ones, and reservations whose worker is dead or has been silent for ten minutes.
select c.id, c.lead_id, c.reserved_at from app.calls c
 where (c.state = 'in_doubt' or (c.state = 'reserved' and (c.reserved_at < app.now() - interval '10 minutes' or c.worker_id = any(cast(:dead as uuid[])))))
   and not exists (select 1 from app.on_hold h where h.org_id = c.org_id and h.stage = 'voice' and h.item = 'call:' || c.id)
 order by c.reserved_at, c.id limit 50;

-- name: unreported
-- Placed, and not a word since: the report may be lost.
select c.id, c.vapi_call_id from app.calls c
 where c.state = 'placed' and c.placed_at < app.now() - interval '30 minutes'
   and not exists (select 1 from app.on_hold h where h.org_id = c.org_id and h.stage = 'voice' and h.item = 'call:' || c.id)
 order by c.placed_at limit 50;

-- name: store_receipt
insert into app.webhook_receipts (org_id, vendor, event_type, dedupe_key, payload_sealed, received_at)
values (cast(:org_id as int), 'vapi', :event_type, :dedupe_key, :payload, app.now())
on conflict (org_id, vendor, dedupe_key) do nothing
returning id;

-- name: note_signature
insert into app.signature_checks (org_id, at, route, ok, reason) values (cast(:org_id as int), app.now(), :route, :ok, :reason);

-- name: receipts_due
select receipt_id from app.voice_receipts_due order by received_at, receipt_id limit cast(:limit as int);

-- name: call_for_update
-- By our own id, which travels in the metadata; the vendor's id may not be known yet.
select c.id, c.org_id, c.lead_id, c.contact_id, c.contact_point_id, c.number_id, c.attempt_no, c.attempt_id, c.state, c.vapi_call_id, c.vendor_call_id, c.started_at,
       l.campaign_status::text, l.next_call_at, l.playbook, n.health_score, p.value as phone, o.timezone
  from app.calls c
  join app.leads l on l.org_id = c.org_id and l.id = c.lead_id
  join app.phone_numbers n on n.org_id = c.org_id and n.id = c.number_id
  join app.contact_points p on p.org_id = c.org_id and p.id = c.contact_point_id
  join app.orgs o on o.id = c.org_id
 where c.id = cast(:call_id as uuid) or c.vapi_call_id = :vapi_call_id
 order by c.id = cast(:call_id as uuid) desc nulls last limit 1
   for update of c;

-- name: answered
update app.calls set started_at = coalesce(started_at, cast(:at as timestamptz)) where id = cast(:call_id as uuid);

-- name: ended
-- When it began the report knows best; what a message on the way said counts only where the report is silent. No call ends before it began.
update app.calls
   set state = 'ended', vapi_call_id = coalesce(vapi_call_id, :vapi_call_id), outcome = :outcome, ended_reason = :ended_reason, cost_cents = cast(:cost_cents as numeric),
       summary_sealed = :summary, transcript_sealed = :transcript, callback_at = cast(:callback_at as timestamptz),
       started_at = coalesce(cast(:started_at as timestamptz), started_at),
       ended_at = greatest(coalesce(cast(:ended_at as timestamptz), app.now()), coalesce(cast(:started_at as timestamptz), started_at))
 where id = cast(:call_id as uuid);

-- name: did_not_start
-- The vendor took the order and never rang: the attempt is not used up.
with call as (
  update app.calls set state = 'failed', outcome = :outcome, ended_reason = :ended_reason, ended_at = app.now() where id = cast(:call_id as uuid)
  returning org_id, lead_id, attempt_no
)
update app.leads l set call_attempt_count = least(l.call_attempt_count, call.attempt_no - 1) from call where l.org_id = call.org_id and l.id = call.lead_id;

-- name: set_health
update app.phone_numbers set health_score = cast(:health as int) where id = cast(:number_id as bigint);

-- name: number_is_dead
update app.contact_points set status = 'red', verified = false where id = cast(:contact_point_id as bigint);

-- name: stop_contact
-- Only outreach of ours ends; what a person decided elsewhere stands.
update app.leads set campaign_status = 'do_not_contact', status_reason = :reason, next_call_at = null
 where id = cast(:lead_id as uuid) and campaign_status in ('active', 'replied', 'paused', 'queued', 'new', 'bounced');

-- name: end_assignment
update app.lead_number_assignments set status = :status, changed_at = app.now() where lead_id = cast(:lead_id as uuid) and status = 'active';

-- name: stop_enrollments
update app.enrollments set state = 'stopped', stop_reason = :reason, ended_at = app.now(), next_execution_at = null
 where lead_id = cast(:lead_id as uuid) and state in ('active', 'paused');

-- name: ever_talked
select exists (select 1 from app.calls where lead_id = cast(:lead_id as uuid) and outcome in ('booked', 'callback', 'not_interested', 'do_not_call', 'unknown'));
