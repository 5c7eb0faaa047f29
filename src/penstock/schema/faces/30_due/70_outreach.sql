create view app.leads_in_question with (security_invoker = true) as
select l.org_id, l.id as lead_id
  from app.signals s join app.leads l on l.org_id = s.org_id and l.company_id = s.company_id and l.contact_id = s.contact_id
 where s.processed_at is null
union all
select l.org_id, l.id
  from app.company_facts f join app.leads l on l.org_id = f.org_id and l.company_id = f.company_id and to_jsonb(l.contact_id) = f.value -> 'before' -> 'contact_id'
 where f.kind = 'slot_set' and f.source = 'hand' and f.read_at is null
union all
select l.org_id, l.id
  from app.message_log m join app.leads l on l.org_id = m.org_id and l.contact_id = m.contact_id
 where m.direction = 'inbound' and m.intent is null;
comment on view app.leads_in_question is 'Leads of whom a signal tells that nothing has acted on, or whom a hand has just taken out of a slot, until stage signals has looked; and who answered, by what somebody logged by hand, until stage replies has.';
grant select on app.leads_in_question to authenticated;
create view app.outreach_due with (security_invoker = true) as
select e.org_id, e.id as enrollment_id, e.lead_id, e.campaign_id, e.contact_point_id, e.persona, e.current_step, e.next_execution_at
  from app.enrollments e
 where e.state in ('active', 'paused') and e.next_execution_at <= app.now()
   and not exists (select 1 from app.on_hold h where h.org_id = e.org_id and h.stage = 'outreach' and h.item = e.id::text)
   and not exists (select 1 from app.leads_in_question q where q.org_id = e.org_id and q.lead_id = e.lead_id);
comment on view app.outreach_due is 'Enrollments whose next step may be tried. A lead in question waits.';
create view app.waiting_tasks with (security_invoker = true) as
select w.org_id, w.task_id, w.waits_for
  from (select t.org_id, t.id as task_id,
               case when not k.is_active then 'campaign paused'
                    when exists (select 1 from app.leads_in_question q where q.org_id = t.org_id and q.lead_id = t.lead_id) then 'news of the person'
                    when l.company_id is not null and cardinality(k.targets) > 0
                         and not exists (select 1 from app.company_slots s where s.org_id = l.org_id and s.company_id = l.company_id and s.contact_id = l.contact_id and s.role_code = any(k.targets))
                      then 'no slot of the campaign' end as waits_for
          from app.tasks t
          join app.leads l on l.org_id = t.org_id and l.id = t.lead_id
          left join app.campaigns k on k.org_id = t.org_id and k.id = t.campaign_id
         where t.state = 'open' and t.channel <> 'follow_up') w
 where w.waits_for is not null;
comment on view app.waiting_tasks is 'Steps that a person does and that wait as an email to them would, by what they wait for.';
grant select on app.waiting_tasks to authenticated;
-- At companies only the primary address counts, and only green is good, and yellow where the campaign takes it. What a vendor sold of a household was checked before it came in line.
create view app.enrolled_addresses with (security_invoker = true) as
select e.org_id, e.id as enrollment_id, e.contact_point_id,
       case when p.id is null then 'none'
            when p.replaced_at is not null or (l.company_id is not null and not p.is_primary)
              then case when exists (select 1 from app.contact_points n where n.org_id = l.org_id and n.contact_id = l.contact_id and n.is_primary) then 'replaced' else 'unsure' end
            when p.status = 'red' or p.is_invalid then 'dead'
            when p.verified_at is null or p.value !~ '^s[0-9]+\.' then 'checking'
            when l.company_id is null or p.status = 'green' or (p.status = 'yellow' and c.allow_yellow) then 'good'
            when p.status = 'gray' and p.check_due_at is not null then 'checking'
            else 'unsure' end as address
  from app.enrollments e
  join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
  join app.campaigns c on c.org_id = e.org_id and c.id = e.campaign_id
  left join app.contact_points p on p.org_id = e.org_id and p.id = e.contact_point_id;
comment on view app.enrolled_addresses is 'The address that each enrollment uses, and whether it may be mailed to now: good, checking, replaced (by another that is there), unsure, dead or none.';
-- Replied, booked or resting, with a sequence under way, or with a task somebody has still to do. `quiet_since` is set where the sequence only came to its end: for a while
-- an answer may still come. Who left the company is nobody's colleague any more.
create view app.colleagues_under_way with (security_invoker = true) as
select l.org_id, l.company_id, l.id as lead_id, coalesce(k.one_at_a_time, false) as one_at_a_time,
       case when l.campaign_status not in ('replied', 'paused', 'converted') and e.state = 'finished'
                 and not exists (select 1 from app.tasks t where t.org_id = l.org_id and t.lead_id = l.id and t.state = 'open') then e.ended_at end as quiet_since
  from app.leads l
  join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id and (c.left_company_at is null or c.company_id is distinct from l.company_id)
  left join app.enrollments e on e.org_id = l.org_id and e.lead_id = l.id
  left join app.campaigns k on k.org_id = e.org_id and k.id = e.campaign_id
 where l.company_id is not null and l.merged_into is null
   and (l.campaign_status in ('replied', 'paused', 'converted') or (l.campaign_status = 'active' and e.state in ('active', 'paused', 'finished'))
        or exists (select 1 from app.tasks t where t.org_id = l.org_id and t.lead_id = l.id and t.state = 'open'));
comment on view app.colleagues_under_way is 'People at companies who are being talked to, or were until a moment ago.';
