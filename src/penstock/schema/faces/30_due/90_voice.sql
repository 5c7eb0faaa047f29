create view app.calls_due with (security_invoker = true) as
select l.org_id, l.id as lead_id, l.contact_id, l.playbook, l.assigned_broker_id, l.call_attempt_count, coalesce(l.next_call_at, l.consented_at) as due_at
  from app.leads l
 where l.consent and l.merged_into is null and l.campaign_status in ('active', 'replied') and l.assigned_broker_id is not null and l.call_attempt_count < 5
   and coalesce(l.next_call_at, l.consented_at) <= app.now()
   and not exists (select 1 from app.calls c where c.org_id = l.org_id and c.lead_id = l.id and c.state in ('reserved', 'placed', 'in_doubt'))
   and not exists (select 1 from app.appointments a where a.org_id = l.org_id and a.lead_id = l.id and a.status in ('accepted', 'pending'))
   and not exists (select 1 from app.on_hold h where h.org_id = l.org_id and h.stage = 'voice' and h.item = l.id::text);
comment on view app.calls_due is 'Leads that consented and may be tried by phone; the gate decides.';
create view app.notifications_due with (security_invoker = true) as
select n.org_id, n.id as notification_id, n.next_attempt_at from app.notifications n where n.state = 'waiting' and n.next_attempt_at <= app.now();
comment on view app.notifications_due is 'Webhooks and mails to brokers and operators that wait to go out.';
