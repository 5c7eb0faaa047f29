-- When something becomes due by the clock alone: what a simulation moves to next, and what `status` shows as waiting.
-- What waits in the DLQ counts there, at its own time.
create view app.next_due with (security_invoker = true) as
select org_id, 'outreach' as stage, count(*) as items, min(next_execution_at) as at from app.enrollments e where state in ('active', 'paused')
   and not exists (select 1 from app.on_hold h where h.org_id = e.org_id and h.stage = 'outreach' and h.item = e.id::text) group by org_id
union all
select org_id, 'voice', count(*), min(coalesce(next_call_at, consented_at)) from app.leads
 where consent and campaign_status in ('active', 'replied') and merged_into is null and assigned_broker_id is not null and call_attempt_count < 5
   and not exists (select 1 from app.calls c where c.org_id = leads.org_id and c.lead_id = leads.id and c.state in ('reserved', 'placed', 'in_doubt'))
   and not exists (select 1 from app.appointments a where a.org_id = leads.org_id and a.lead_id = leads.id and a.status in ('accepted', 'pending'))
   and not exists (select 1 from app.on_hold h where h.org_id = leads.org_id and h.stage = 'voice' and h.item = leads.id::text) group by org_id
union all
select org_id, 'verification', count(*), min(check_due_at) from app.contact_points p where check_due_at is not null and not is_invalid
   and (exists (select 1 from app.leads l where l.org_id = p.org_id and l.contact_id = p.contact_id and l.merged_into is null and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused'))
        or (p.is_primary and exists (select 1 from app.unled_people u where u.org_id = p.org_id and u.contact_id = p.contact_id))) group by org_id
union all
select org_id, stage, count(*), min(retry_after) from app.dlq where retry_after is not null group by org_id, stage
union all
select org_id, 'imagery', count(*), min(due_at) from app.roof_looks k where outcome in ('waiting', 'pictured', 'failed')
   and exists (select 1 from app.leads l where l.org_id = k.org_id and l.property_id = k.property_id and l.playbook = k.playbook and l.area_scan_id is not null and l.merged_into is null
                and l.lead_status <> 'do_not_contact' and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused')) group by org_id
union all
select org_id, 'booking.notifications', count(*), min(next_attempt_at) from app.notifications where state = 'waiting' group by org_id;
comment on view app.next_due is 'Per stage: how many items wait for their time, and the earliest time.';
