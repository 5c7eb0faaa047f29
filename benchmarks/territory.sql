-- name: home
create temp table home (id bigint, lat float8, lng float8, built smallint, estate int, dollars int);

-- name: filed
create temp table filed (id bigint, lat float8, lng float8, day int, firm int, estate int, cents bigint, home bigint);

-- name: keep_estates
insert into app.subdivisions (org_id, id, state, city, name)
select distinct 1, estate, 'TN', 'NASHVILLE', 'ESTATE ' || estate from home;

-- name: keep_firms
insert into app.contractors (org_id, id, name, name_key) select distinct 1, firm, 'Firm ' || firm, 'FIRM ' || firm from filed where firm > 0;

-- name: keep_homes
insert into app.properties (org_id, id, addr_hash, address_line1, city, state, postal_code, lat, lng, year_built, subdivision_id, property_value, estimated_equity, source)
select 1, id, 'h' || id, id || ' Main Street', 'NASHVILLE', 'TN', '37201', lat, lng, built, estate, dollars, dollars * 0.4, 'benchmark' from home order by id;

-- name: keep_filed
insert into app.building_permits (org_id, id, source, source_id, work, issued_on, value_cents, city, state, lat, lng, subdivision_id, contractor_id, property_id, matched_by, content_hash)
select 1, id, 'benchmark', id, 'reroof', date '1970-01-01' + day, cents, 'NASHVILLE', 'TN', lat, lng, estate, nullif(firm, 0), home, 'parcel', 'x' from filed order by id;

-- name: number_on
select setval(pg_get_serial_sequence('app.building_permits', 'id'), (select max(id) from app.building_permits));

-- name: one_more
insert into app.building_permits (org_id, source, source_id, work, issued_on, city, state, lat, lng, subdivision_id, contractor_id, property_id, matched_by, content_hash)
select 1, 'benchmark', 'new ' || id, 'reroof', date '1970-01-01' + cast(%(day)s as int), city, state, lat, lng, subdivision_id, (select min(id) from app.contractors), id, 'parcel', 'x'
  from app.properties where org_id = 1 and id = %(home)s on conflict do nothing;

-- name: places_out
select id, version, lat, lng, year_built, subdivision_id, property_value, estimated_equity, has_liens, recent_refinance, state, city from app.properties where org_id = 1;

-- name: permits_out
select id, lat, lng, permit_date, contractor_id, subdivision_id, value_cents, property_id from app.building_permits where org_id = 1;
