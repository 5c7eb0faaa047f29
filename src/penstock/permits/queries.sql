-- Permits come in: staged by COPY, merged in sets. A row that says nothing new is not written.

-- name: one_at_a_time
-- Of a source: two readers of it would look up the same rows as new.
select pg_advisory_xact_lock(hashtextextended('permits/' || cast(:source as text), cast(:org_id as int)));

-- name: more_memory
select set_config('work_mem', '64MB', true);

-- name: open_staging
create temp table permits_in (
  row_number int not null, source_id text not null, permit_number text not null, work text not null, is_final boolean not null, type_raw text, work_raw text, description text, status text,
  applied_on date, issued_on date, completed_on date, latest date not null, value_cents bigint, address_line1 text, city text, state text not null, postal_code text, county text, apn text,
  lat double precision, lng double precision, subdivision text, contractor_name text, contractor_key text, contractor_phone_sealed text, owner_name_sealed text, source_url text,
  raw_sealed text not null, content_hash text not null
) on commit drop;

-- name: analyze_staging
analyze permits_in;

-- name: make_chosen
-- One row per permit: that with the newest day, whatever the order of the rows; and whether it says anything new.
create temp table chosen on commit drop as
select i.*, b.id is null as is_new, b.content_hash is distinct from i.content_hash as is_news
  from (select distinct on (source_id) * from permits_in order by source_id, latest desc, content_hash) i
  left join app.building_permits b on b.source = cast(:source as text) and b.source_id = i.source_id;

-- name: analyze_chosen
analyze chosen;

-- name: know_subdivisions
insert into app.subdivisions (org_id, state, city, name)
select distinct cast(:org_id as int), state, upper(regexp_replace(btrim(city), '\s+', ' ', 'g')), subdivision from chosen
 where is_news and subdivision is not null and city is not null order by 2, 3, 4
on conflict do nothing;

-- name: know_contractors
insert into app.contractors (org_id, name, name_key)
select distinct on (contractor_key) cast(:org_id as int), contractor_name, contractor_key from chosen
 where is_news and contractor_key is not null order by contractor_key, contractor_name
on conflict (org_id, name_key) do nothing;

-- name: write
insert into app.building_permits as b (org_id, source, source_id, permit_number, work, is_final, type_raw, work_raw, description, status, applied_on, issued_on, completed_on, value_cents,
       address_line1, city, state, postal_code, county, apn, addr_hash, addr_hash_city, lat, lng, subdivision_id, contractor_id, contractor_name, contractor_phone_sealed, owner_name_sealed, source_url, raw_sealed,
       content_hash, verified, upload_id, row_number, scraped_at, created_at, updated_at)
select cast(:org_id as int), cast(:source as text), c.source_id, c.permit_number, c.work, c.is_final, c.type_raw, c.work_raw, c.description, c.status, c.applied_on, c.issued_on, c.completed_on, c.value_cents,
       c.address_line1, c.city, c.state, c.postal_code, c.county, c.apn, api.compute_addr_hash(c.address_line1, c.city, c.state, c.postal_code),
       case when c.postal_code is not null then api.compute_addr_hash(c.address_line1, c.city, c.state, null) end,
       c.lat, c.lng, s.id, k.id, c.contractor_name, c.contractor_phone_sealed, c.owner_name_sealed, c.source_url, c.raw_sealed,
       c.content_hash, c.is_final, cast(:upload_id as uuid), c.row_number, app.now(), app.now(), app.now()
  from chosen c
  left join app.subdivisions s on s.state = c.state and s.city = upper(regexp_replace(btrim(c.city), '\s+', ' ', 'g')) and s.name = c.subdivision
  left join app.contractors k on k.name_key = c.contractor_key
 where c.is_news
 order by c.row_number
on conflict (org_id, source, source_id) do update
   set permit_number = excluded.permit_number, work = excluded.work, is_final = excluded.is_final, type_raw = excluded.type_raw, work_raw = excluded.work_raw, description = excluded.description,
       status = excluded.status, applied_on = excluded.applied_on, issued_on = excluded.issued_on, completed_on = excluded.completed_on, value_cents = excluded.value_cents,
       address_line1 = excluded.address_line1, city = excluded.city, state = excluded.state, postal_code = excluded.postal_code, county = excluded.county, apn = excluded.apn,
       addr_hash = excluded.addr_hash, addr_hash_city = excluded.addr_hash_city,
       lat = case when excluded.lat is null and b.at_place then b.lat else excluded.lat end, lng = case when excluded.lat is null and b.at_place then b.lng else excluded.lng end,
       at_place = excluded.lat is null and b.at_place, subdivision_id = excluded.subdivision_id, contractor_id = excluded.contractor_id,
       contractor_name = excluded.contractor_name, contractor_phone_sealed = excluded.contractor_phone_sealed, owner_name_sealed = excluded.owner_name_sealed,
       source_url = excluded.source_url, raw_sealed = excluded.raw_sealed, content_hash = excluded.content_hash, verified = excluded.verified,
       upload_id = excluded.upload_id, row_number = excluded.row_number, scraped_at = excluded.scraped_at, updated_at = excluded.updated_at;

-- name: counts
select count(*) filter (where is_new) as new, count(*) filter (where is_news and not is_new) as changed, count(*) filter (where not is_news) as unchanged, count(*) as permits from chosen;

-- name: close_staging
drop table permits_in, chosen;

-- name: start_upload
insert into app.uploads (org_id, name, source, playbook, map_name, content_sha256, bytes, actor, state, rows_read, inserted, updated, duplicate_in_file, rejected, makes_leads, created_at, started_at, finished_at)
values (cast(:org_id as int), :name, :source, 'permits', :source, :sha256, :bytes, :actor, 'done', 0, 0, 0, 0, 0, false, app.now(), app.now(), app.now())
returning id;

-- name: fail_upload
insert into app.uploads (org_id, name, source, playbook, map_name, content_sha256, bytes, actor, state, error, makes_leads, created_at, finished_at)
values (cast(:org_id as int), :name, :source, 'permits', :source, :sha256, :bytes, :actor, 'failed', :error, false, app.now(), app.now());

-- name: add_to_upload
-- What the rows came to, added to what came before them: a run over a portal is one upload that grows page by page.
update app.uploads u set rows_read = rows_read + :read, inserted = inserted + :new, updated = updated + :known, duplicate_in_file = duplicate_in_file + :repeated, rejected = rejected + :refused,
       warnings = coalesce((select jsonb_object_agg(w.said, w.rows) from (
         select a.said, sum(a.rows::int) as rows from (select * from jsonb_each_text(u.warnings) union all select * from jsonb_each_text(cast(:warnings as jsonb))) a(said, rows) group by a.said) w), '{}'), finished_at = app.now()
 where id = cast(:upload_id as uuid);

-- name: open_refused
create temp table refused_permits (row_number int, field text, reason text, fix text, raw_sealed text) on commit drop;

-- name: close_refused
drop table refused_permits;

-- name: write_refused
insert into app.rejected_rows (org_id, upload_id, row_number, field, reason, fix, raw_sealed)
select cast(:org_id as int), cast(:upload_id as uuid), row_number, field, reason, fix, raw_sealed from refused_permits;

-- name: rejections
select row_number as row, field, reason, fix from app.rejected_rows where upload_id = cast(:upload_id as uuid) order by row_number limit :limit;

-- name: sources
select source, since, read_up_to, last_pulled_at, last_outcome, rows_read, is_active from app.permit_sources order by source;

-- name: follow
-- Followed again from an earlier day: what came before is read too.
insert into app.permit_sources as s (org_id, source, since, added_at) values (cast(:org_id as int), :source, cast(:since as date), app.now())
on conflict (org_id, source) do update
   set is_active = true, since = least(s.since, excluded.since), read_up_to = case when excluded.since < s.since then null else s.read_up_to end;

-- name: unfollow
update app.permit_sources set is_active = false where source = :source and is_active;

-- name: followed
select source, since, read_up_to, last_pulled_at from app.permit_sources where is_active and (cast(:source as text) is null or source = cast(:source as text)) order by source;

-- name: schema_seen
update app.permit_sources set schema_seen_at = app.now() where source = :source;

-- name: page_read
update app.permit_sources set read_up_to = greatest(read_up_to, cast(:read_up_to as date)), rows_read = rows_read + :read where source = :source;

-- name: pull_ends
update app.permit_sources set last_pulled_at = case when :well then app.now() else last_pulled_at end, last_outcome = :outcome where source = :source;

-- name: try_lock
select pg_try_advisory_lock(hashtextextended('permits.pull/' || cast(:source as text), cast(:org_id as int)));

-- name: unlock
select pg_advisory_unlock(hashtextextended('permits.pull/' || cast(:source as text), cast(:org_id as int)));

-- name: claim
-- Neighbours together: they are looked for in the same cells of the map.
select b.id, b.state, b.county, b.apn, b.addr_hash, b.addr_hash_city, api.normalize_street(b.address_line1) as street, case when not b.at_place then b.lat end as lat, case when not b.at_place then b.lng end as lng
  from app.building_permits b where b.matched_at is null
 order by b.grid_cell nulls last, b.id limit :limit for update skip locked;

-- name: places_by_key
-- Places with one of the parcels or addresses. Keys come in arrays: without statistics, a join may be planned as a product.
-- One that was merged into another stands for that, without a point of its own.
select coalesce(p.merged_into, p.id) as id, p.state, p.county, p.apn, p.addr_hash, api.normalize_street(p.address_line1) as street,
       case when p.merged_into is null then p.lat end as lat, case when p.merged_into is null then p.lng end as lng
  from app.properties p
 where (p.state = any(cast(:states as text[])) and p.county = any(cast(:counties as text[])) and p.apn = any(cast(:apns as text[])) and p.merged_into is null)
    or (p.addr_hash = any(cast(:hashes as text[])) and p.merged_into is null)
    or (p.merged_into is not null and (p.addr_hash = any(cast(:hashes as text[])) or p.apn = any(cast(:apns as text[]))));

-- name: points_in_cells
select p.id, p.lat, p.lng from app.properties p where p.grid_cell = any(cast(:cells as bigint[])) and p.merged_into is null;

-- name: places
select p.id, p.state, p.county, p.apn, p.addr_hash, api.normalize_street(p.address_line1) as street, p.lat, p.lng
  from app.properties p where p.id = any(cast(:ids as bigint[]));

-- name: arrivals
-- Taken by whoever looks; given back where the look does not end well.
delete from app.places_arrived returning property_ids;

-- name: decided
select count(*) from app.building_permits where matched_at is not null;

-- name: decide_all_anew
update app.building_permits set matched_at = null where matched_at is not null;

-- name: concerned
-- Permits that are decided, and share a key or a cell of the map with one of these places, or belong to one.
select b.id, b.state, b.county, b.apn, b.addr_hash, b.addr_hash_city, cast(null as text) as street, case when not b.at_place then b.lat end as lat, case when not b.at_place then b.lng end as lng, b.property_id
  from app.building_permits b
 where b.matched_at is not null
   and (b.addr_hash = any(cast(:hashes as text[])) or b.addr_hash_city = any(cast(:hashes as text[])) or (b.state = any(cast(:states as text[])) and b.apn = any(cast(:apns as text[])))
        or b.grid_cell = any(cast(:cells as bigint[])) or b.property_id = any(cast(:ids as bigint[])));

-- name: decide_anew
update app.building_permits set matched_at = null where id = any(cast(:ids as bigint[]));

-- name: decide
-- A permit has the city of its place beside its own, and where its source gave no coordinates those of its place.
update app.building_permits b
   set property_id = d.property_id, matched_by = d.matched_by, unmatched_reason = d.reason, matched_at = app.now(), place_city = p.city,
       lat = case when b.lat is null or b.at_place then p.lat else b.lat end, lng = case when b.lat is null or b.at_place then p.lng else b.lng end,
       at_place = (b.lat is null or b.at_place) and p.lat is not null
  from unnest(cast(:ids as bigint[]), cast(:property_ids as bigint[]), cast(:hows as text[]), cast(:reasons as text[])) d(id, property_id, matched_by, reason)
  left join lateral (select h.city, case when h.lng is not null then h.lat end as lat, case when h.lat is not null then h.lng end as lng
                       from app.properties h where h.org_id = cast(:org_id as int) and h.id = d.property_id) p on true
 where b.org_id = cast(:org_id as int) and b.id = d.id;

-- name: listed
-- Newest first, from behind the given permit on.
select b.id, b.source, b.permit_number, b.work, b.is_final, b.permit_date, b.status, b.description, b.value_cents, b.address_line1, b.city, b.state, b.postal_code, b.lat, b.lng,
       b.contractor_name, b.property_id, b.matched_by, b.unmatched_reason, b.matched_at
  from app.building_permits b
 where (cast(:city as text) is null or upper(b.city) = upper(cast(:city as text))) and (cast(:work as text) is null or b.work = cast(:work as text)) and (cast(:source as text) is null or b.source = cast(:source as text))
   and (not cast(:unmatched as boolean) or (b.property_id is null and b.matched_at is not null)) and (cast(:since as date) is null or b.permit_date >= cast(:since as date))
   and (cast(:before as bigint) is null or (b.permit_date, b.id) < (select e.permit_date, e.id from app.building_permits e where e.id = cast(:before as bigint)))
 order by b.permit_date desc, b.id desc limit :limit;

-- name: shown
select b.id, b.source, b.source_id, b.permit_number, b.work, b.is_final, b.type_raw, b.work_raw, b.description, b.status, b.applied_on, b.issued_on, b.completed_on, b.permit_date, b.value_cents,
       b.address_line1, b.city, b.state, b.postal_code, b.county, b.apn, b.lat, b.lng, b.at_place, s.name as subdivision, b.contractor_id, b.contractor_name, b.source_url,
       b.property_id, b.matched_by, b.unmatched_reason, b.matched_at, b.verified, b.upload_id, b.row_number, b.scraped_at, b.created_at, b.updated_at
  from app.building_permits b left join app.subdivisions s on s.org_id = b.org_id and s.id = b.subdivision_id
 where b.id = :id;

-- name: sealed_of
select raw_sealed, contractor_phone_sealed, owner_name_sealed from app.building_permits where id = :id;

-- name: audit
insert into app.audit_logs (org_id, actor, action, object_type, object_id, details, at)
values (cast(:org_id as int), :actor, 'accessed', 'permit', cast(:id as text), '{}', app.now());
