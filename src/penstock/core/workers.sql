-- name: register
insert into app.workers (id, host, pid, started_at, last_seen_at)
values (cast(:id as uuid), :host, cast(:pid as int), clock_timestamp(), clock_timestamp()) on conflict (id) do nothing;

-- name: heartbeat
update app.workers set last_seen_at = clock_timestamp() where id = cast(:id as uuid);

-- name: sign_off
update app.workers set stopped_at = clock_timestamp(), last_seen_at = clock_timestamp() where id = cast(:id as uuid);

-- name: unfinished
-- Those that signed in and not off. Old dead ones stay listed: asking again is harmless, nothing of theirs is in flight any more.
select id, host, pid, extract(epoch from clock_timestamp() - started_at) as started_ago_s,
       last_seen_at < clock_timestamp() - make_interval(secs => cast(:silent_s as int)) as is_silent
  from app.workers where stopped_at is null order by started_at;
