-- name: begin
insert into app.simulation (seed, rows, starts_at, ends_at, now_at)
values (cast(:seed as bigint), cast(:rows as int), cast(:starts_at as timestamptz), cast(:ends_at as timestamptz), cast(:starts_at as timestamptz))
on conflict (only_one) do nothing;

-- name: state
select * from app.simulation;

-- name: move
update app.simulation set now_at = cast(:now_at as timestamptz);

-- name: remember
update app.simulation set state = state || cast(:facts as jsonb);

-- name: next_due
select min(at) as at from app.next_due where at > cast(:now as timestamptz);

-- name: zones
select distinct timezone from app.orgs;
