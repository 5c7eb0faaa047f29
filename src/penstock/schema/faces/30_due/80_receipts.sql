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
create view app.booking_due with (security_invoker = true) as
select r.org_id, r.id as receipt_id, null::uuid as appointment_id, r.received_at from app.webhook_receipts r
 where r.processed_at is null and r.vendor = 'calcom' and not exists (select 1 from app.on_hold h where h.org_id = r.org_id and h.stage = 'booking' and h.item = r.id::text)
union all
select a.org_id, null, a.id, a.created_at from app.appointments a
 where a.acted_on_at is null and not exists (select 1 from app.on_hold h where h.org_id = a.org_id and h.stage = 'booking' and h.item = 'appointment:' || a.id);
comment on view app.booking_due is 'Calendar events to be understood, and appointments typed by hand that nothing has acted on.';
