-- name: try_lock
-- One run an org: the same place is not asked about twice. Goes with the connection.
select pg_try_advisory_lock(hashtextextended('intake.locating', cast(:org_id as int)));

-- name: unlock
select pg_advisory_unlock(hashtextextended('intake.locating', cast(:org_id as int)));

-- name: due
select id, address_line1, city, state, postal_code from app.geocoding_due order by id limit :limit;

-- name: locate
-- Coordinates that came in meanwhile by a file stay.
update app.properties p set lat = a.lat, lng = a.lng, located_by = :vendor
  from unnest(cast(:ids as bigint[]), cast(:lats as double precision[]), cast(:lngs as double precision[])) as a(id, lat, lng)
 where p.id = a.id and p.lat is null and p.lng is null;

-- name: note
insert into app.geocodings (org_id, property_id, outcome, asked_at)
select cast(:org_id as int), a.id, a.outcome, app.now() from unnest(cast(:ids as bigint[]), cast(:outcomes as text[])) as a(id, outcome)
on conflict (org_id, property_id) do update set outcome = excluded.outcome, asked_at = excluded.asked_at;
