-- name: attempts
select attempts from app.dlq where org_id = cast(:org_id as int) and stage = :stage and item = :item for update;

-- name: put
insert into app.dlq (org_id, stage, item, payload, error, attempts, retry_after, created_at, last_tried_at)
values (cast(:org_id as int), :stage, :item, cast(:payload as jsonb), :error, cast(:attempts as int), cast(:retry_after as timestamptz), app.now(), app.now())
on conflict (org_id, stage, item) do update
   set payload = excluded.payload, error = excluded.error, attempts = excluded.attempts, retry_after = excluded.retry_after, last_tried_at = excluded.last_tried_at;

-- name: clear
delete from app.dlq where org_id = cast(:org_id as int) and stage = :stage and item = any(cast(:items as text[]));

-- name: listing
select id, stage, item, attempts, error, retry_after, created_at, last_tried_at from app.dlq
 where cast(:stage as text) is null or stage = cast(:stage as text) order by created_at, id limit cast(:limit as int);

-- name: show
select * from app.dlq where id = cast(:id as bigint);

-- name: retry
update app.dlq set retry_after = app.now() where cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[]));

-- name: drop
update app.dlq set retry_after = null, error = cast(:note as text) || '; ' || coalesce(error, '') where id = cast(:id as bigint);

-- name: audit_drop
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id, details)
values (cast(:org_id as int), app.now(), :actor, 'dropped', 'dlq', :id, cast(:details as jsonb));
