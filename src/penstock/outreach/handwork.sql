-- name: org_zone
select timezone from app.orgs where id = cast(:org_id as int);

-- name: reach
-- The number a person would be called at, and whether a profile of theirs is known.
select l.id as lead_id, (select p.id from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and p.kind = 'phone' and p.status <> 'red' and not p.is_invalid
                          order by p.verified desc, p.score desc nulls last, p.id limit 1) as phone,
       c.profile_key is not null or exists (select 1 from app.pages g where g.org_id = l.org_id and g.contact_id = l.contact_id and g.url_type = 'profile') as has_profile
  from app.leads l join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
 where l.org_id = cast(:org_id as int) and l.id = any(cast(:lead_ids as uuid[]));

-- name: open
insert into app.tasks (org_id, lead_id, contact_id, enrollment_id, campaign_id, step, channel, subject, body_sealed, due_at, created_at)
values (cast(:org_id as int), cast(:lead_id as uuid), cast(:contact_id as bigint), cast(:enrollment_id as bigint), cast(:campaign_id as bigint), cast(:step as int), :channel, :subject,
        :body_sealed, cast(:due_at as timestamptz), app.now())
on conflict (org_id, enrollment_id, step) do nothing
returning id;

-- name: listing
-- The tasks that the asker may see, the ones that are due longest first. Of the open ones those that are somebody's to do: what waits is shown where every state is.
select t.id, t.lead_id, t.contact_id, t.campaign_id, t.channel, t.subject, t.state, t.step, t.due_at, t.created_at, t.closed_at, t.closed_by, t.reason, w.waits_for,
       l.playbook, l.assigned_broker_id, c.full_name as person, c.title, co.name as company, k.name as campaign
  from app.tasks t
  join app.leads l on l.org_id = t.org_id and l.id = t.lead_id
  join app.contacts c on c.org_id = t.org_id and c.id = t.contact_id
  left join app.companies co on co.org_id = l.org_id and co.id = l.company_id
  left join app.campaigns k on k.org_id = t.org_id and k.id = t.campaign_id
  left join app.waiting_tasks w on w.org_id = t.org_id and w.task_id = t.id
 where (cast(:state as text) is null or (t.state = :state and w.waits_for is null)) and (cast(:channel as text) is null or t.channel = :channel)
   and (cast(:campaign_id as bigint) is null or t.campaign_id = cast(:campaign_id as bigint)) and (cast(:lead_id as uuid) is null or t.lead_id = cast(:lead_id as uuid))
   and (cast(:due_before as timestamptz) is null or t.due_at <= cast(:due_before as timestamptz))
 order by t.due_at, t.id limit cast(:limit as int);

-- name: task
select t.id, t.lead_id, t.contact_id, t.enrollment_id, t.campaign_id, t.channel, t.subject, t.body_sealed, t.state, t.step, t.due_at, t.created_at, t.closed_at, t.closed_by, t.reason, w.waits_for,
       e.persona, g.url as profile_url, c.full_name as person, c.title, co.name as company, k.name as campaign, l.playbook, l.assigned_broker_id
  from app.tasks t
  join app.leads l on l.org_id = t.org_id and l.id = t.lead_id
  join app.contacts c on c.org_id = t.org_id and c.id = t.contact_id
  left join app.companies co on co.org_id = l.org_id and co.id = l.company_id
  left join app.campaigns k on k.org_id = t.org_id and k.id = t.campaign_id
  left join app.enrollments e on e.org_id = t.org_id and e.id = t.enrollment_id
  left join app.pages g on g.org_id = t.org_id and g.contact_id = t.contact_id and g.url_type = 'profile'
  left join app.waiting_tasks w on w.org_id = t.org_id and w.task_id = t.id
 where t.id = cast(:id as bigint);

-- name: hold_enrollment
-- Everybody takes enrollments before people, and tasks last.
select id from app.enrollments where org_id = cast(:org_id as int) and id = cast(:id as bigint) for update;

-- name: close
-- No row where somebody, or the end of the sequence, was quicker.
update app.tasks set state = :state, closed_at = app.now(), closed_by = :actor, reason = :reason, decision_id = cast(:decision_id as bigint)
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and state = 'open'
returning id, lead_id;

-- name: close_after_opt_out
-- The opt-out ended the sequence, and with it withdrew the task a moment ago.
update app.tasks set state = 'skipped', closed_at = app.now(), closed_by = :actor, reason = :reason
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and state in ('open', 'withdrawn')
returning id;

-- name: write_down
insert into app.message_log (org_id, at, lead_id, contact_id, contact_point_id, enrollment_id, campaign_id, step, persona, direction, channel, state, subject, body_sealed, attempt_id, sent_at)
select t.org_id, app.now(), t.lead_id, t.contact_id, cast(:contact_point_id as bigint), t.enrollment_id, t.campaign_id, t.step, cast(:persona as text), 'outbound', t.channel, 'sent', t.subject,
       :body_sealed, cast(:attempt_id as bigint), app.now()
  from app.tasks t where t.org_id = cast(:org_id as int) and t.id = cast(:id as bigint)
returning id;

-- name: phone
select value from app.contact_points where id = cast(:id as bigint);

-- name: looked
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id) values (cast(:org_id as int), app.now(), :actor, 'accessed', 'task', :id);
