-- Rows that come by POST, or by hand through intake.raw_loads, on their way to companies and people.

-- name: one_at_a_time
-- Requests with keys of one source go one after the other: which was first must be plain before the other looks.
select pg_advisory_xact_lock(hashtextextended('intake.receive:' || cast(:source as text), cast(:org_id as int)));

-- name: known_keys
select load_key, id, array[payload_hash, mended_hash] as hashes, status from app.raw_loads where source = :source and load_key = any(cast(:keys as text[]));

-- name: of_request
-- How many records the request with this idempotency key had.
select count(*) from app.raw_loads where source = :source and starts_with(load_key, cast(:prefix as text));

-- name: receive
insert into app.raw_loads (org_id, source, playbook, load_key, payload_hash, payload, actor, created_at, updated_at)
select cast(:org_id as int), :source, :playbook, n.key, n.hash, n.payload, :actor, app.now(), app.now()
  from unnest(cast(:keys as text[]), cast(:hashes as text[]), cast(:payloads as text[])) with ordinality n(key, hash, payload, at)
 order by n.at
returning id;

-- name: claim
-- Waiting ones, oldest first; `ids` narrows it to those.
select r.id, r.source, r.playbook, r.payload from app.raw_loads r
 where r.status = 'waiting' and r.id = any(cast(:ids as bigint[]))
 order by r.created_at, r.id for update of r skip locked;

-- name: due
select raw_load_id from app.promotion_due order by created_at, raw_load_id limit :limit;

-- name: wait_again
-- Those that are named and were refused are tried again as they are.
update app.raw_loads set status = 'waiting', field = null, reason = null, fix = null where id = any(cast(:ids as bigint[])) and status = 'rejected';

-- name: known_ids
select id from app.raw_loads where id = any(cast(:ids as bigint[]));

-- name: waiting
select id from app.raw_loads where status = 'waiting' and (cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[]))) order by created_at, id limit :limit;

-- name: refuse
update app.raw_loads r set status = 'rejected', field = n.field, reason = n.reason, fix = n.fix, payload = n.payload
  from unnest(cast(:ids as bigint[]), cast(:fields as text[]), cast(:reasons as text[]), cast(:fixes as text[]), cast(:payloads as text[])) n(id, field, reason, fix, payload)
 where r.id = n.id;

-- name: promote
update app.raw_loads r
   set status = 'promoted', promoted_at = app.now(), field = null, reason = null, fix = null, playbook = :playbook, outcome = n.outcome, company_id = n.company_id, contact_id = n.contact_id, payload = n.payload
  from unnest(cast(:ids as bigint[]), cast(:outcomes as text[]), cast(:companies as bigint[]), cast(:contacts as bigint[]), cast(:payloads as text[])) n(id, outcome, company_id, contact_id, payload)
 where r.id = n.id;

-- name: listing
select id, source, playbook, load_key, status, field, reason, fix, outcome, company_id, contact_id, created_at, updated_at, promoted_at
  from app.raw_loads
 where (cast(:ids as bigint[]) is null or id = any(cast(:ids as bigint[]))) and (cast(:status as text) is null or status = cast(:status as text)) and id > :after
 order by id limit :limit;

-- name: one
select id, source, playbook, load_key, status, field, reason, fix, outcome, company_id, contact_id, created_at, updated_at, promoted_at, payload from app.raw_loads where id = :id for update;

-- name: mend
update app.raw_loads set payload = :payload, mended_hash = :hash, status = 'waiting', field = null, reason = null, fix = null where id = :id;

-- name: drop
update app.raw_loads set status = 'dropped' where id = :id;

-- name: audit
insert into app.audit_logs (org_id, actor, action, object_type, object_id, details, at)
values (cast(:org_id as int), :actor, :action, 'raw_load', :id, cast(:details as jsonb), app.now());
