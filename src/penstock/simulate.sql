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

-- name: due_later
-- The next instants at which the clock alone can make something due; one too many costs a look, none is ever missed.
select at from (
  select min(next_execution_at) as at from app.enrollments where state in ('active', 'paused') and next_execution_at > cast(:now as timestamptz)
  union all
  select min(next_call_at) from app.leads where consent and campaign_status in ('active', 'replied') and merged_into is null and next_call_at > cast(:now as timestamptz)
  union all
  select min(check_due_at) from app.contact_points where check_due_at > cast(:now as timestamptz)
  union all
  select min(retry_after) from app.dlq where retry_after > cast(:now as timestamptz)
  union all
  select min(next_attempt_at) from app.notifications where state = 'waiting' and next_attempt_at > cast(:now as timestamptz)
) later where at is not null;

-- name: zones
select distinct timezone from app.orgs;
