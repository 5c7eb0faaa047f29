-- name: org
select id, timezone, created_at from app.orgs where id = cast(:org_id as int);

-- name: try_lock
select pg_try_advisory_lock(hashtextextended('timetable:' || :key, 0));

-- name: unlock
select pg_advisory_unlock(hashtextextended('timetable:' || :key, 0));

-- name: slot_state
select state, started_at from app.timetable_runs where job = :job and slot = cast(:slot as timestamptz);

-- name: slot_starts
insert into app.timetable_runs (org_id, job, slot, state, started_at) values (cast(:org_id as int), :job, cast(:slot as timestamptz), 'running', app.now())
on conflict (org_id, job, slot) do update set state = 'running', started_at = excluded.started_at, error = null;

-- name: slot_ends
update app.timetable_runs set state = :state, finished_at = app.now(), result = cast(:result as jsonb), error = cast(:error as text)
 where job = :job and slot = cast(:slot as timestamptz);

-- name: ensure_partitions
select app.ensure_month_partitions(:table);
