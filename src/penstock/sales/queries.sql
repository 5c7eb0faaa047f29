-- name: lead_exists
select exists (select 1 from app.leads where id = cast(:lead_id as uuid) and merged_into is null);

-- name: timeline
-- Newest first, from behind the given line on. Notes are sealed.
select id, activity_type, title, description, activity_metadata, success, error_message, created_at
  from app.lead_timeline
 where lead_id = cast(:lead_id as uuid)
   and (cast(:before as timestamptz) is null or (created_at, id) < (cast(:before as timestamptz), cast(:before_id as text)))
 order by created_at desc, id desc limit cast(:limit as int);

-- name: add_note
insert into app.lead_notes (org_id, lead_id, body_sealed, author) values (cast(:org_id as int), cast(:lead_id as uuid), :body_sealed, :author) returning id;

-- name: mark_note
-- Taken back, or given again; no row where it stands so already or is another lead's.
update app.lead_notes set deleted_at = case when cast(:gone as boolean) then app.now() end
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and lead_id = cast(:lead_id as uuid) and (deleted_at is null) = cast(:gone as boolean)
returning id;

-- name: add_tags
insert into app.lead_tags (org_id, lead_id, tag, added_by, added_at) select cast(:org_id as int), cast(:lead_id as uuid), t, :actor, app.now() from unnest(cast(:tags as text[])) t on conflict do nothing;

-- name: remove_tags
delete from app.lead_tags where org_id = cast(:org_id as int) and lead_id = cast(:lead_id as uuid) and tag = any(cast(:tags as text[]));

-- name: tags
select coalesce(array_agg(tag order by tag), '{}') as tags from app.lead_tags where lead_id = cast(:lead_id as uuid);

-- name: all_tags
select tag, count(*) as leads from app.lead_tags group by tag order by tag;

-- name: make_follow_up
insert into app.tasks (org_id, lead_id, channel, subject, body_sealed, due_at, created_at, assignee, created_by)
values (cast(:org_id as int), cast(:lead_id as uuid), 'follow_up', :title, :note_sealed, cast(:due_at as timestamptz), app.now(), :assignee, :actor) returning id;

-- name: follow_ups
-- Of the leads the asker sees, the ones that are due longest first.
select t.id, t.lead_id, t.subject as title, t.body_sealed, t.state, t.due_at, t.due_at <= app.now() as is_due, t.assignee, t.created_by, t.created_at, t.closed_at, t.closed_by, t.reason
  from app.tasks t join app.leads l on l.org_id = t.org_id and l.id = t.lead_id
 where t.channel = 'follow_up' and (cast(:state as text) is null or t.state = :state) and (not cast(:due_only as boolean) or t.due_at <= app.now())
   and (cast(:lead_id as uuid) is null or t.lead_id = cast(:lead_id as uuid)) and (cast(:assignee as text) is null or t.assignee = :assignee)
   and (cast(:id as bigint) is null or t.id = cast(:id as bigint))
 order by t.due_at, t.id limit cast(:limit as int);

-- name: close_follow_up
update app.tasks set state = :state, closed_at = case when :state = 'open' then null else app.now() end, closed_by = case when :state = 'open' then null else cast(:actor as text) end, reason = cast(:reason as text)
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and channel = 'follow_up' and state <> :state
returning lead_id;

-- name: follow_up_state
select state from app.tasks where org_id = cast(:org_id as int) and id = cast(:id as bigint) and channel = 'follow_up';

-- name: postpone
update app.tasks set due_at = cast(:due_at as timestamptz) where org_id = cast(:org_id as int) and id = cast(:id as bigint) and channel = 'follow_up' and state = 'open' returning lead_id;

-- name: stage
select sales_stage from app.leads where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid) and merged_into is null for update;

-- name: allowed
select to_status from app.status_transitions where machine = 'sales_stage' and from_status = :stage order by to_status;

-- name: move_stage
update app.leads set sales_stage = cast(:stage as app.sales_stage), status_reason = coalesce(cast(:reason as text), status_reason) where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid);

-- name: audit
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id, details) values (cast(:org_id as int), app.now(), :actor, :action, :kind, :object_id, cast(:details as jsonb));

-- name: learn
-- Won among won and lost, per playbook, tier and how far the sale had come, drawn towards the playbook's own share with the weight
-- of ten leads; nothing below twenty finished leads of the playbook. Only rows that change are written.
with finished as (
  select playbook, priority, sales_stage = 'won' as won,
         exists (select 1 from app.appointments a where a.org_id = l.org_id and a.lead_id = l.id) as met, l.last_reply_at is not null as replied
    from app.leads l where l.org_id = cast(:org_id as int) and l.sales_stage in ('won', 'lost') and l.merged_into is null
), playbooks as (
  select playbook, avg(cast(won as int)) as share from finished group by playbook having count(*) >= 20
), kinds as (
  select playbook, priority, met, replied, count(*) as n, count(*) filter (where won) as won from finished group by 1, 2, 3, 4
), told as (
  select l.id, case when l.sales_stage = 'won' then 100.0 when l.sales_stage = 'lost' then 0.0
                    else round(100 * (coalesce(k.won, 0) + 10 * p.share) / (coalesce(k.n, 0) + 10), 2) end as chance
    from app.leads l join playbooks p on p.playbook = l.playbook
    left join kinds k on k.playbook = l.playbook and k.priority = l.priority and k.replied = (l.last_reply_at is not null)
         and k.met = exists (select 1 from app.appointments a where a.org_id = l.org_id and a.lead_id = l.id)
   where l.org_id = cast(:org_id as int) and l.merged_into is null
)
update app.leads l set conversion_probability = t.chance from told t
 where l.org_id = cast(:org_id as int) and l.id = t.id and l.conversion_probability is distinct from t.chance;
