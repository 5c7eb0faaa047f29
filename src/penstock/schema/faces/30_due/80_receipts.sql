create view app.replies_due with (security_invoker = true) as
select r.org_id, r.id as receipt_id, null::bigint as message_id, r.received_at from app.webhook_receipts r
 where r.processed_at is null and r.vendor = 'mail' and not exists (select 1 from app.on_hold h where h.org_id = r.org_id and h.stage = 'replies' and h.item = r.id::text)
union all
select m.org_id, null, m.id, m.at from app.message_log m
 where m.direction = 'inbound' and m.intent is null and m.contact_id is not null and not exists (select 1 from app.on_hold h where h.org_id = m.org_id and h.stage = 'replies' and h.item = 'message:' || m.id);
comment on view app.replies_due is 'Inbound mail, and answers logged by hand, to be understood.';
create view app.voice_receipts_due with (security_invoker = true) as
select r.org_id, r.id as receipt_id, r.received_at from app.webhook_receipts r
 where r.processed_at is null and r.vendor = 'vapi' and not exists (select 1 from app.on_hold h where h.org_id = r.org_id and h.stage = 'voice' and h.item = 'receipt:' || r.id);
comment on view app.voice_receipts_due is 'Call events to be understood.';
create view app.unattended_appointments with (security_invoker = true) as
select a.org_id, a.id, a.lead_id, a.created_at from app.appointments a
 where a.broker_id is null and a.acted_on_at is not null and a.status in ('accepted', 'pending') and a.ends_at > app.now();
comment on view app.unattended_appointments is 'Meetings to come that no broker could have: nobody was told of them, nothing is billed.';
create view app.booking_due with (security_invoker = true) as
select r.org_id, r.id as receipt_id, null::uuid as appointment_id, r.received_at from app.webhook_receipts r
 where r.processed_at is null and r.vendor = 'calcom' and not exists (select 1 from app.on_hold h where h.org_id = r.org_id and h.stage = 'booking' and h.item = r.id::text)
union all
select a.org_id, null, a.id, a.created_at from app.appointments a
 where a.acted_on_at is null and not exists (select 1 from app.on_hold h where h.org_id = a.org_id and h.stage = 'booking' and h.item = 'appointment:' || a.id)
union all
select a.org_id, null, a.id, a.created_at from app.unattended_appointments a
 where (exists (select 1 from app.leads l where l.org_id = a.org_id and l.id = a.lead_id and l.assigned_broker_id is not null) or exists (select 1 from app.brokers b where b.org_id = a.org_id and b.is_active))
   and not exists (select 1 from app.on_hold h where h.org_id = a.org_id and h.stage = 'booking' and h.item = 'appointment:' || a.id);
comment on view app.booking_due is 'Calendar events to be understood, appointments typed by hand that nothing has acted on, and those that nobody could have until now.';
