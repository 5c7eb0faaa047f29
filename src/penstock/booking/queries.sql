-- name: store_receipt
-- No row for a second delivery of the same event.
insert into app.webhook_receipts (org_id, vendor, event_type, dedupe_key, payload_sealed, received_at)
values (cast(:org_id as int), 'calcom', :event_type, :dedupe_key, :payload, app.now())
on conflict (org_id, vendor, dedupe_key) do nothing
returning id;

-- name: note_signature
insert into app.signature_checks (org_id, at, route, ok, reason) values (cast(:org_id as int), app.now(), :route, :ok, :reason);

-- name: due
select receipt_id from app.booking_due where receipt_id is not null order by received_at, receipt_id limit cast(:limit as int);

-- name: typed_due
select appointment_id from app.booking_due where appointment_id is not null order by received_at, appointment_id limit cast(:limit as int);

-- name: typed_appointment
-- Held for this transaction; what another worker holds is skipped, what it finished is gone.
select id, lead_id, contact_id, company_id, broker_id, uid, status, starts_at, ends_at, title, meeting_url from app.appointments
 where id = cast(:id as uuid) and acted_on_at is null for update skip locked;

-- name: handed_over
-- One that was booked before was moved or cancelled now.
select exists (select 1 from app.handoffs where cause = :cause);

-- name: lead_at_company
-- Whom a booking for a company is with: who answered, else who is being written to, else who was.
select l.id from app.leads l
 where l.company_id = cast(:company_id as bigint) and l.merged_into is null and l.campaign_status in ('replied', 'active', 'paused', 'converted')
 order by array_position(array['replied', 'active', 'paused', 'converted'], l.campaign_status::text), l.last_reply_at desc nulls last, l.added_to_campaign_at desc nulls last, l.id limit 1;

-- name: act_on_appointment
update app.appointments a
   set acted_on_at = app.now(), lead_id = cast(:lead_id as uuid), contact_id = coalesce(a.contact_id, l.contact_id), company_id = coalesce(a.company_id, l.company_id), broker_id = coalesce(a.broker_id, l.assigned_broker_id)
  from (select 1) one left join app.leads l on l.id = cast(:lead_id as uuid)
 where a.id = cast(:id as uuid)
returning a.id, a.broker_id;

-- name: coordinate
-- A meeting is theirs whom it names, else the lead's coordinator's. Where neither is known it goes, as the feeder deals, in turn to the active brokers, whoever has room for the day first; and with it
-- a lead without a coordinator. No row where there is nobody.
with meeting as (
  select a.id, a.org_id, l.id as lead_id,
         coalesce(a.broker_id, l.assigned_broker_id, (
           select b.id from app.brokers b join app.orgs o on o.id = b.org_id
             cross join lateral (select date_trunc('day', app.now() at time zone o.timezone) at time zone o.timezone as starts) today
             cross join lateral (
               select (select count(*) from app.enrollments e join app.leads f on f.org_id = e.org_id and f.id = e.lead_id
                        where e.org_id = b.org_id and f.assigned_broker_id = b.id and e.started_at >= today.starts) as fed,
                      (select count(*) from app.handoffs h where h.org_id = b.org_id and h.broker_id = b.id and h.created_at >= today.starts) as handed) got
            where b.org_id = a.org_id and b.is_active
            order by got.fed >= b.daily_cap, got.fed + got.handed, b.id limit 1)) as broker_id
    from app.appointments a left join app.leads l on l.org_id = a.org_id and l.id = a.lead_id
   where a.id = cast(:id as uuid)
), coordinated as (
  update app.leads l set assigned_broker_id = m.broker_id from meeting m
   where l.org_id = m.org_id and l.id = m.lead_id and l.assigned_broker_id is null and m.broker_id is not null
)
update app.appointments a set broker_id = m.broker_id from meeting m
 where a.org_id = m.org_id and a.id = m.id and m.broker_id is not null
returning a.broker_id;

-- name: unattended
-- An appointment that was acted on while nobody could have it. Held for this transaction.
select id, lead_id, contact_id, company_id, uid, starts_at, ends_at, title, meeting_url from app.appointments
 where id = cast(:id as uuid) and acted_on_at is not null and broker_id is null and status in ('accepted', 'pending') for update skip locked;

-- name: attended_at_that_time
-- The same appointment, told twice, is somebody's.
select exists (select 1 from app.appointments a where a.lead_id = cast(:lead_id as uuid) and a.id <> cast(:id as uuid) and a.starts_at = cast(:starts_at as timestamptz)
                  and a.status in ('accepted', 'pending') and a.broker_id is not null);

-- name: whom_with
select coalesce(c.full_name, co.name) from app.appointments a
  left join app.contacts c on c.org_id = a.org_id and c.id = a.contact_id left join app.companies co on co.org_id = a.org_id and co.id = a.company_id
 where a.id = cast(:id as uuid);

-- name: known_at_that_time
-- The same appointment, told by the calendar as well.
select exists (select 1 from app.appointments a where a.lead_id = cast(:lead_id as uuid) and a.id <> cast(:id as uuid) and a.starts_at = cast(:starts_at as timestamptz)
                  and a.status in ('accepted', 'pending') and a.acted_on_at is not null);

-- name: lead_by_id
-- The lead, or the one it went into.
with recursive chain as (
  select id, merged_into from app.leads where id = cast(:lead_id as uuid)
  union all
  select l.id, l.merged_into from app.leads l join chain c on l.id = c.merged_into
)
select id from chain where merged_into is null;

-- name: lead_by_email
-- Somebody who booked without our link: the lead of that address we were last in touch with.
select l.id from app.contact_points p
  join app.leads l on l.org_id = p.org_id and l.contact_id = p.contact_id and l.merged_into is null
 where p.kind = 'email' and p.value = any(cast(:forms as text[]))
 order by coalesce(l.last_reply_at, l.consented_at, l.added_to_campaign_at) desc nulls last, l.last_seen_at desc, l.id limit 1;

-- name: lead_for_booking
select l.id, l.playbook, l.contact_id, l.campaign_status::text, l.assigned_broker_id, c.first_name, c.full_name, p.postal_code, o.timezone,
       b.name as broker_name, b.timezone as broker_timezone, b.calendar_username, b.calendar_event_slug, b.calendar_event_type_id
  from app.leads l
  join app.orgs o on o.id = l.org_id
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
  left join app.properties p on p.org_id = l.org_id and p.id = l.property_id
  left join app.brokers b on b.org_id = l.org_id and b.id = l.assigned_broker_id
 where l.id = cast(:lead_id as uuid);

-- name: lock_lead
select id from app.leads where id = cast(:lead_id as uuid) for no key update;

-- name: best_points
select distinct on (kind) kind, value from app.contact_points
 where contact_id = cast(:contact_id as bigint) and not is_invalid and status <> 'red'
 order by kind, verified desc, score desc nulls last, id;

-- name: live_appointment
select id, uid, starts_at from app.appointments where lead_id = cast(:lead_id as uuid) and status in ('accepted', 'pending') order by starts_at desc limit 1;

-- name: other_appointment
-- Another one of the lead that was booked and stands, the first that was; not the same one typed once more, which only ends by hand.
select a.id, a.broker_id from app.appointments a
 where a.lead_id = cast(:lead_id as uuid) and a.id <> cast(:id as uuid) and a.status in ('accepted', 'pending')
   and exists (select 1 from app.handoffs h where h.org_id = a.org_id and h.cause = 'appointment:' || a.id)
 order by a.created_at, a.id limit 1;

-- name: this_transaction
select cast(pg_current_xact_id() as text);

-- name: appointment_by_uid
-- Also under the uid it had before it was moved.
select id, lead_id, broker_id, uid, status, starts_at, ends_at from app.appointments
 where uid = any(cast(:uids as text[])) or rescheduled_from = any(cast(:uids as text[]))
 order by uid = any(cast(:uids as text[])) desc limit 1 for update;

-- name: appointment_at
select id, lead_id, broker_id, status, cancellation_reason from app.appointments where uid = cast(:uid as text) for update;

-- name: came_from
update app.appointments set rescheduled_from = coalesce(rescheduled_from, cast(:uid as text)) where id = cast(:id as uuid);

-- name: forget_appointment
-- Only a second row of one appointment: the other row takes its uid over.
delete from app.appointments where id = cast(:id as uuid);

-- name: add_appointment
insert into app.appointments (org_id, lead_id, broker_id, uid, status, starts_at, ends_at, title, meeting_url, rescheduled_from, cancellation_reason, created_at, changed_at, acted_on_at)
select cast(:org_id as int), l.id,
       coalesce(l.assigned_broker_id, (select b.id from app.brokers b where b.org_id = l.org_id and b.calendar_username = cast(:organizer as text) order by b.created_at, b.id limit 1)),
       :uid, :status, cast(:starts_at as timestamptz), cast(:ends_at as timestamptz), :title, :meeting_url, :rescheduled_from, :reason, app.now(), app.now(), app.now()
  from app.leads l where l.id = cast(:lead_id as uuid)
on conflict (org_id, uid) do nothing
returning id, broker_id;

-- name: move_appointment
update app.appointments set uid = :uid, rescheduled_from = uid, starts_at = cast(:starts_at as timestamptz),
       ends_at = cast(:ends_at as timestamptz), status = 'accepted', meeting_url = coalesce(:meeting_url, meeting_url), changed_at = app.now()
 where id = cast(:id as uuid);

-- name: set_appointment_status
update app.appointments set status = :status, cancellation_reason = coalesce(:reason, cancellation_reason), changed_at = app.now()
 where id = cast(:id as uuid) and status <> :status;

-- name: convert_lead
update app.leads
   set campaign_status = 'converted', status_reason = 'appointment booked', next_call_at = null,
       sales_stage = case when sales_stage in ('quoted', 'application_submitted', 'won') then sales_stage else 'appointment_scheduled' end
 where id = cast(:lead_id as uuid);

-- name: reopen_sale
update app.leads set sales_stage = 'interested', status_reason = 'appointment cancelled'
 where id = cast(:lead_id as uuid) and sales_stage = 'appointment_scheduled';

-- name: lock_assignment
update app.lead_number_assignments set status = 'booked_locked', changed_at = app.now() where lead_id = cast(:lead_id as uuid) and status = 'active';

-- name: release_assignment
update app.lead_number_assignments set status = 'released', changed_at = app.now() where lead_id = cast(:lead_id as uuid) and status = 'booked_locked';

-- name: stop_enrollments
update app.enrollments set state = 'stopped', stop_reason = 'appointment booked', ended_at = app.now(), next_execution_at = null
 where lead_id = cast(:lead_id as uuid) and state in ('active', 'paused');

-- name: broker
select id, name, email, timezone, webhook_url, webhook_secret_sealed from app.brokers where id = cast(:broker_id as uuid);

-- name: queue_notification
insert into app.notifications (org_id, kind, channel, target_sealed, secret_sealed, payload_sealed, dedupe_key, next_attempt_at, created_at, lead_id)
values (cast(:org_id as int), :kind, :channel, :target, :secret, :payload, :dedupe_key, app.now(), app.now(), cast(:lead_id as uuid))
on conflict (org_id, dedupe_key) do nothing;

-- name: revive_notifications
-- What somebody retried by hand in the DLQ.
update app.notifications n set state = 'waiting', next_attempt_at = app.now(), attempts = 0
 where n.state = 'failed' and exists (select 1 from app.dlq d where d.org_id = n.org_id and d.stage = 'notifications' and d.item = n.id::text and d.retry_after <= app.now());

-- name: claim_notifications
-- The lease is the pushed-back time: whoever dies with a claim leaves it to be sent once more, under the same message id.
update app.notifications n set attempts = n.attempts + 1, next_attempt_at = app.now() + interval '5 minutes'
 where n.id in (select w.id from app.notifications w join app.notifications_due d on d.org_id = w.org_id and d.notification_id = w.id
                 order by w.next_attempt_at, w.id limit cast(:limit as int) for update of w skip locked)
returning n.id, n.kind, n.channel, n.target_sealed, n.secret_sealed, n.payload_sealed, n.attempts, n.created_at;

-- name: sent
update app.notifications set state = 'sent', sent_at = app.now(), last_error = null where id = any(cast(:ids as bigint[]));

-- name: postpone
update app.notifications set next_attempt_at = cast(:at as timestamptz), last_error = :error where id = cast(:id as bigint);

-- name: give_up
update app.notifications set state = 'failed', last_error = :error where id = cast(:id as bigint);

-- name: sender
select name, from_domain from app.orgs where id = cast(:org_id as int);

-- name: hold_for_a_person
update app.dlq set retry_after = null where stage = 'notifications' and item = :item;

-- name: calendars
select l.id, b.calendar_username, b.calendar_event_slug from app.leads l
  join app.brokers b on b.org_id = l.org_id and b.id = l.assigned_broker_id
 where l.id = any(cast(:lead_ids as uuid[])) and b.calendar_username is not null and b.calendar_event_slug is not null;

-- name: org_of_lead
select org_id from app.leads where id = cast(:lead_id as uuid);

-- name: who_writes
select o.name as seller, o.legal_name, o.postal_address as address, o.support_email as email, o.support_phone as phone, b.name as broker
  from app.leads l join app.orgs o on o.id = l.org_id left join app.brokers b on b.org_id = l.org_id and b.id = l.assigned_broker_id
 where l.id = cast(:lead_id as uuid);
