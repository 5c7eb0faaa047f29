create view app.outreach_due with (security_invoker = true) as
select e.org_id, e.id as enrollment_id, e.lead_id, e.campaign_id, e.contact_point_id, e.persona, e.current_step, e.next_execution_at
  from app.enrollments e
 where e.state in ('active', 'paused') and e.next_execution_at <= app.now()
   and not exists (select 1 from app.on_hold h where h.org_id = e.org_id and h.stage = 'outreach' and h.item = e.id::text);
comment on view app.outreach_due is 'Enrollments whose next step may be tried.';
