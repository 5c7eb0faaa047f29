-- name: lock
-- Reservations of one org queue up, so that two workers cannot both see room under the same cap.
select pg_advisory_xact_lock(cast(:org_id as int), hashtext('penstock.ledger'));

-- name: reserve
-- One outcome per question asked, in order of n. A question is bought at most once within its window, by whoever inserts the row.
with asked as materialized (
  select * from jsonb_to_recordset(cast(:asked as jsonb)) as a(
    n int, vendor text, operation text, hashes text[], price numeric, fresh_days int, stage text, lead_id uuid, contact_id bigint, contact_point_id bigint, playbook text, area_scan_id bigint)
), today as materialized (
  select (app.now() at time zone o.timezone)::date as day, date_trunc('day', app.now() at time zone o.timezone) at time zone o.timezone as starts
    from app.orgs o where o.id = cast(:org_id as int)
), known as materialized (  -- the newest row of the same question inside its window
  select distinct on (a.n) a.n, v.id, v.status, v.answer_sealed, v.found
    from asked a cross join today t
    join app.vendor_calls v on v.org_id = cast(:org_id as int) and v.vendor = a.vendor and v.operation = a.operation
                           and v.request_hash = any(a.hashes) and v.window_start > t.day - a.fresh_days
   order by a.n, v.window_start desc
), wanted as (  -- nobody has bought it; of the same question asked twice in one batch, the first buys
  select distinct on (a.vendor, a.operation, a.hashes[1]) a.*, k.id as known_id
    from asked a left join known k on k.n = a.n
   where k.id is null or k.status = 'released'
   order by a.vendor, a.operation, a.hashes[1], a.n
), caps as materialized (
  select * from app.spend_caps where org_id = cast(:org_id as int)
), spent as materialized (
  select v.vendor, v.playbook, sum(v.cost_cents) as cents from app.vendor_calls v, today t
   where v.org_id = cast(:org_id as int) and v.reserved_at >= t.starts group by v.vendor, v.playbook
), for_lead as (
  select w.*, sum(w.price) over (partition by w.lead_id order by w.n)
              + (select coalesce(sum(v.cost_cents), 0) from app.vendor_calls v where v.org_id = cast(:org_id as int) and v.lead_id = w.lead_id) as lead_cents
    from wanted w
), lead_ok as (
  select * from for_lead
   where lead_id is null or lead_cents <= all(select cap_cents from caps where scope = 'lead')
), for_vendor as (
  select f.*, sum(f.price) over (partition by f.vendor order by f.n)
              + (select coalesce(sum(cents), 0) from spent s where s.vendor = f.vendor) as vendor_cents
    from lead_ok f
), vendor_ok as (
  select * from for_vendor f
   where vendor_cents <= all(select cap_cents from caps c where c.scope = 'vendor_day' and (c.vendor is null or c.vendor = f.vendor))
), for_playbook as (
  select f.*, sum(f.price) over (partition by f.playbook order by f.n)
              + (select coalesce(sum(cents), 0) from spent s where s.playbook is not distinct from f.playbook) as playbook_cents
    from vendor_ok f
), playbook_ok as (
  select * from for_playbook f
   where playbook_cents <= all(select cap_cents from caps c where c.scope = 'playbook_day' and (c.playbook is null or c.playbook = f.playbook))
), for_org as (
  select f.*, sum(f.price) over (order by f.n) + (select coalesce(sum(cents), 0) from spent) as org_cents from playbook_ok f
), granted as materialized (
  select * from for_org where org_cents <= all(select cap_cents from caps where scope = 'org_day')
), again as (
  update app.vendor_calls v
     set status = 'reserved', price_cents = g.price, cost_cents = g.price, worker_id = cast(:worker_id as uuid), attempts = v.attempts + 1, error = null,
         lead_id = g.lead_id, contact_id = g.contact_id, contact_point_id = g.contact_point_id, playbook = g.playbook, area_scan_id = g.area_scan_id, stage = g.stage, reserved_at = app.now(), called_at = app.now()
    from granted g where v.org_id = cast(:org_id as int) and v.id = g.known_id and v.status = 'released'
  returning g.n, v.id
), first as (
  insert into app.vendor_calls (org_id, vendor, operation, request_hash, window_start, status, price_cents, cost_cents, lead_id, contact_id, contact_point_id, playbook, area_scan_id, stage, worker_id, reserved_at, called_at)
  select cast(:org_id as int), g.vendor, g.operation, g.hashes[1], t.day, 'reserved', g.price, g.price, g.lead_id, g.contact_id, g.contact_point_id, g.playbook, g.area_scan_id, g.stage, cast(:worker_id as uuid), app.now(), app.now()
    from granted g cross join today t where g.known_id is null
  on conflict (org_id, vendor, operation, request_hash, window_start) do nothing
  returning id, vendor, operation, request_hash
)
select a.n, coalesce(r.id, i.id, k.id) as call_id, k.answer_sealed, k.found,
       case when r.id is not null or i.id is not null then 'reserved'
            when k.status in ('answered', 'applied') then 'answered'
            when k.status in ('in_doubt', 'settled') then 'in_doubt'
            when k.status = 'refused' then 'refused'
            when w.n is null then 'in_flight'
            when not exists (select 1 from lead_ok l where l.n = a.n) then 'over_lead_cap'
            when not exists (select 1 from granted g where g.n = a.n) then 'over_day_cap'
            else 'in_flight' end as outcome
  from asked a
  left join known k on k.n = a.n
  left join wanted w on w.n = a.n
  left join again r on r.n = a.n
  left join first i on w.n is not null and w.known_id is null and i.vendor = a.vendor and i.operation = a.operation and i.request_hash = a.hashes[1]
 order by a.n;

-- name: answer
-- The answer is stored before anything else happens. A late answer to a call in doubt is still an answer; to a settled one it is only kept.
update app.vendor_calls v
   set status = case when v.status = 'settled' then 'settled' else 'answered' end, answer_sealed = a.answer, found = a.found,
       cost_cents = a.cost, answered_at = app.now(), error = null
  from unnest(cast(:ids as bigint[]), cast(:answers as text[]), cast(:found as boolean[]), cast(:costs as numeric[])) as a(id, answer, found, cost)
 where v.org_id = cast(:org_id as int) and v.id = a.id and v.status in ('reserved', 'in_doubt', 'settled');

-- name: release
-- It certainly cost nothing, even if that was in doubt for a while: the same row may be reserved again.
update app.vendor_calls set status = 'released', cost_cents = 0, error = :error
 where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and status in ('reserved', 'in_doubt');

-- name: charge
-- What was reserved at its highest price is over, and this is what it cost. A late word to a call in doubt counts too.
update app.vendor_calls set status = 'applied', cost_cents = cast(:cents as numeric), found = :found, answered_at = app.now(), applied_at = app.now(), error = null
 where org_id = cast(:org_id as int) and id = cast(:call_id as bigint) and status in ('reserved', 'in_doubt', 'settled');

-- name: doubt
-- It may have been carried out: counted as spent.
update app.vendor_calls set status = 'in_doubt', error = :error
 where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and status = 'reserved';

-- name: doubt_abandoned
-- Whoever reserved these is gone, or has waited longer than any call lasts. What costs nothing may simply be asked again.
update app.vendor_calls v set status = case when v.price_cents = 0 then 'released' else 'in_doubt' end, error = 'the worker died between reservation and answer'
 where v.org_id = cast(:org_id as int) and v.status = 'reserved'
   and (v.reserved_at < app.now() - interval '10 minutes'
        or v.worker_id = any(cast(:dead as uuid[])));

-- name: close
-- The facts are written (or there are none to come): applied, or settled for what stayed in doubt.
update app.vendor_calls
   set status = case when status = 'in_doubt' then 'settled' else 'applied' end, applied_at = app.now(),
       found = case when status = 'in_doubt' then false else found end
 where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and status in ('answered', 'in_doubt');

-- name: admit
-- Takes a token and gives 0, or no row when the circuit is open or the rate is used up. After a break one caller at a time may try.
with level as (
  select vendor, case when cast(:rate as double precision) is null then 1e9
                      else least(cast(:burst as double precision), tokens + cast(:rate as double precision) * coalesce(extract(epoch from app.now() - refilled_at), 1e6)) end as tokens
    from app.vendor_circuits where org_id = cast(:org_id as int) and vendor = :vendor for update
)
update app.vendor_circuits c
   set tokens = case when cast(:rate as double precision) is null then c.tokens else l.tokens - 1 end, refilled_at = app.now(),
       open_until = case when c.failures >= cast(:threshold as int) then app.now() + interval '1 minute' end, changed_at = app.now()
  from level l
 where c.org_id = cast(:org_id as int) and c.vendor = l.vendor and l.tokens >= 1 and (c.open_until is null or c.open_until <= app.now())
returning 0 as wait_s;

-- name: make_circuit
insert into app.vendor_circuits (org_id, vendor, changed_at) values (cast(:org_id as int), :vendor, app.now()) on conflict do nothing;

-- name: wait
select greatest(coalesce(extract(epoch from open_until - app.now()), 0),
                coalesce((1 - tokens) / cast(:rate as double precision) - extract(epoch from app.now() - refilled_at), 0), 0.02) as wait_s
  from app.vendor_circuits where org_id = cast(:org_id as int) and vendor = :vendor;

-- name: succeeded
update app.vendor_circuits set failures = 0, open_until = null, last_error = null, changed_at = app.now()
 where org_id = cast(:org_id as int) and vendor = :vendor and (failures > 0 or open_until is not null);

-- name: failed
update app.vendor_circuits
   set failures = failures + 1, last_error = :error, changed_at = app.now(),
       open_until = case when failures + 1 >= cast(:threshold as int) or cast(:retry_after_s as double precision) >= 5
                         then app.now() + make_interval(secs => greatest(cast(:retry_after_s as double precision),
                                least(900, 15 * 2 ^ least(10, greatest(0, failures + 1 - cast(:threshold as int)))))) end
 where org_id = cast(:org_id as int) and vendor = :vendor;
