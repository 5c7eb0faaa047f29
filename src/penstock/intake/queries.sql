-- name: start
-- A fresh upload of a file at hand.
insert into app.uploads (org_id, name, source, playbook, map_name, content_sha256, bytes, actor, state, created_at)
values (cast(:org_id as int), :name, :source, :playbook, :map_name, :sha256, :bytes, :actor, 'running', app.now())
returning id;

-- name: unfinished
-- The same content for the same purpose, begun and not ended: a process died. Its row is used again.
select id from app.uploads
 where content_sha256 = :sha256 and playbook = :playbook and source = :source and state in ('received', 'running')
   and not exists (select 1 from app.upload_chunks c where c.org_id = uploads.org_id and c.upload_id = uploads.id)
 order by created_at desc limit 1;

-- name: claim
-- Held by row lock until the work commits or its process dies.
select id, name, source, playbook, map_name, actor from app.uploads
 where id = cast(:upload_id as uuid) and state in ('received', 'running') for update skip locked;

-- name: open_refused
create temp table refused (row_number int, field text, reason text, fix text, raw_sealed text) on commit drop;

-- name: write_refused
insert into app.rejected_rows (org_id, upload_id, row_number, field, reason, fix, raw_sealed)
select cast(:org_id as int), cast(:upload_id as uuid), row_number, field, reason, fix, raw_sealed from refused;

-- name: finish
update app.uploads set state = 'done', rows_read = :rows_read, inserted = :inserted, updated = :updated, duplicate_in_file = :duplicate_in_file, rejected = :rejected,
       map_name = :map_name, source = :source, makes_leads = :makes_leads, warnings = cast(:warnings as jsonb),
       columns_unused = cast(:columns_unused as text[]), error = null, started_at = :started_at, finished_at = :finished_at
 where id = cast(:upload_id as uuid);

-- name: fail
update app.uploads set state = 'failed', error = :error, finished_at = app.now() where id = cast(:upload_id as uuid);

-- name: drop_chunks
delete from app.upload_chunks where upload_id = cast(:upload_id as uuid);

-- name: due
-- The oldest upload to be merged, but those that this run has seen somebody else hold.
select upload_id from app.intake_due where upload_id <> all(cast(:held as uuid[])) order by created_at, upload_id limit 1;

-- name: forget_broken_off
-- Bodies that stopped arriving were never verified: nothing of them is kept.
delete from app.uploads where state = 'receiving' and created_at < app.now() - interval '1 day';

-- name: chunk
select bytes_sealed from app.upload_chunks where upload_id = cast(:upload_id as uuid) and part = :part;

-- name: key_by_prefix
select org_id, id, prefix, scopes, signing_secret_sealed, allow_v1 from app.api_keys where prefix = :prefix and revoked_at is null;

-- name: note_check
insert into app.signature_checks (org_id, route, ok, reason, at) values (cast(:org_id as int), '/v1/uploads', :ok, :reason, app.now());

-- name: receive
insert into app.uploads (org_id, name, source, playbook, map_name, content_sha256, actor, api_key_id, state, created_at)
values (cast(:org_id as int), :name, :source, :playbook, :map_name, '', :actor, :key_id, 'receiving', app.now())
returning id;

-- name: put_chunk
insert into app.upload_chunks (org_id, upload_id, part, bytes_sealed) values (cast(:org_id as int), cast(:upload_id as uuid), :part, :bytes_sealed);

-- name: lock_content
select pg_advisory_xact_lock(hashtextextended('intake.content/' || :sha256, cast(:org_id as int)));

-- name: same_content
-- What this content became before, for this playbook: the replay guard.
select id, state from app.uploads
 where content_sha256 = :sha256 and playbook = :playbook and api_key_id is not null and state in ('received', 'running', 'done')
 order by created_at limit 1;

-- name: received
update app.uploads set state = 'received', content_sha256 = :sha256, bytes = :bytes where id = cast(:upload_id as uuid);

-- name: forget
delete from app.uploads where id = cast(:upload_id as uuid) and state = 'receiving';

-- name: audit
insert into app.audit_logs (org_id, actor, action, object_type, object_id, details, at)
values (cast(:org_id as int), :actor, :action, 'upload', :upload_id, cast(:details as jsonb), app.now());

-- name: uploads
-- Newest first, from behind the given upload on.
select u.id, u.name, u.source, u.playbook, u.map_name, u.state, u.bytes, u.rows_read, u.inserted, u.updated, u.duplicate_in_file, u.rejected, u.warnings, u.columns_unused, u.error,
       u.created_at, u.started_at, u.finished_at
  from app.uploads u
 where (cast(:id as uuid) is null or u.id = cast(:id as uuid))
   and (cast(:before as timestamptz) is null or (u.created_at, u.id) < (cast(:before as timestamptz), cast(:before_id as uuid)))
 order by u.created_at desc, u.id desc
 limit :limit;

-- name: noted
select row_number, note from app.upload_rows
 where upload_id = cast(:upload_id as uuid) and note is not null and row_number > :after order by row_number limit :limit;

-- name: rejected
select row_number, field, reason, fix, raw_sealed from app.rejected_rows
 where upload_id = cast(:upload_id as uuid) and row_number > :after order by row_number limit :limit;
