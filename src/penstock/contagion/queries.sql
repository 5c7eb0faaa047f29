-- name: lock
-- One at a time scores the places of an org; the other waits, and then finds little left to do.
select pg_advisory_xact_lock(hashtextextended('contagion:' || cast(:org_id as int), 0));

-- name: today
select cast(app.now() at time zone timezone as date) from app.orgs where id = cast(:org_id as int);

-- name: run
select scored_on, scoring_version, properties, permits, cities from app.contagion_runs where playbook = :playbook;

-- name: keep_run
insert into app.contagion_runs (org_id, playbook, scored_on, scored_at, scoring_version, properties, permits, cities)
values (cast(:org_id as int), :playbook, cast(:scored_on as date), app.now(), :version, :properties, :permits, cast(:cities as text[]))
on conflict (org_id, playbook) do update set scored_on = excluded.scored_on, scored_at = excluded.scored_at, scoring_version = excluded.scoring_version,
  properties = excluded.properties, permits = excluded.permits, cities = excluded.cities;

-- name: anything_on_record
select exists (select 1 from app.building_permits) or exists (select 1 from app.contagion_runs);

-- name: count_changes
select coalesce(sum(items), 0) from app.contagion_changes;

-- name: changes
select id, property_ids, permit_ids, lat, lng, subdivision_id from app.contagion_changes order by id;

-- name: change_ids
select id from app.contagion_changes;

-- name: forget_changes
delete from app.contagion_changes where id = any(cast(:ids as bigint[]));

-- name: cities
-- The towns of which permits are on record, those they name and those of their places, hopping from one to the next along an index.
with recursive named as (
  (select state, city from app.building_permits where org_id = cast(:org_id as int) and city is not null order by state, city limit 1)
  union all
  select n.state, n.city from named t cross join lateral (
    select p.state, p.city from app.building_permits p
     where p.org_id = cast(:org_id as int) and p.city is not null and (p.state, p.city) > (t.state, t.city) order by p.state, p.city limit 1) n
), unnamed as (
  (select state, place_city from app.building_permits where org_id = cast(:org_id as int) and city is null and property_id is not null and place_city is not null order by state, place_city limit 1)
  union all
  select n.state, n.place_city from unnamed t cross join lateral (
    select p.state, p.place_city from app.building_permits p
     where p.org_id = cast(:org_id as int) and p.city is null and p.property_id is not null and p.place_city is not null and (p.state, p.place_city) > (t.state, t.place_city)
     order by p.state, p.place_city limit 1) n
) select state, replace(upper(city), '.', '') as city from named union select state, replace(upper(place_city), '.', '') from unnamed;

-- name: places
-- Columns of places as arrays, for a binary COPY. What is not known is a value: see arrays.PROPERTY and score.FACTS.
select array_agg(q.id), array_agg(q.version), array_agg(q.lat), array_agg(q.lng), array_agg(q.year_built), array_agg(q.subdivision),
       array_agg(q.value_cents), array_agg(q.equity_percent), array_agg(q.liens), array_agg(q.refinanced), array_agg(q.covered)
  from (select p.id, p.version, p.lat, p.lng, cast(coalesce(p.year_built, 0) as smallint) as year_built, coalesce(p.subdivision_id, -1) as subdivision,
               cast(coalesce(100 * p.property_value, 0) as bigint) as value_cents,
               cast(coalesce(100 * p.estimated_equity / nullif(p.property_value, 0), 'NaN') as double precision) as equity_percent,
               cast(coalesce(cast(p.has_liens as int), -1) as smallint) as liens,
               cast(coalesce(cast(p.recent_refinance or p.recent_heloc as int), -1) as smallint) as refinanced,
               coalesce(p.state || ' ' || replace(upper(p.city), '.', '') = any(cast(:cities as text[])), false) as covered
          from app.properties p
         where p.merged_into is null and p.lat is not null and p.lng is not null /* which */) q;

-- name: permits
-- Columns of permits as arrays, for a binary COPY: see arrays.PERMIT. The owner is the place that a permit is about.
select array_agg(q.id), array_agg(q.lat), array_agg(q.lng), array_agg(q.day), array_agg(q.contractor), array_agg(q.subdivision), array_agg(q.value_cents), array_agg(q.owner)
  from (select p.id, p.lat, p.lng, p.permit_date - date '1970-01-01' as day, coalesce(p.contractor_id, -1) as contractor, coalesce(p.subdivision_id, -1) as subdivision,
               coalesce(p.value_cents, 0) as value_cents, coalesce(p.property_id, -1) as owner
          from app.building_permits p
         where p.lat is not null and p.lng is not null and p.work = any(cast(:works as text[])) and p.permit_date <= cast(:as_of as date) /* which */) q;

-- name: roofs
select property_id, damage, life_left_years, coalesce(apart, 0) > cast(:far_apart as double precision) as disputed
  from app.roof_facts where cast(:ids as bigint[]) is null or property_id = any(cast(:ids as bigint[]));

-- name: contractor_names
select id, name from app.contractors where cast(:ids as int[]) is null or id = any(cast(:ids as int[]));

-- name: subdivision_names
select id, name from app.subdivisions;

-- name: stored
-- Columns of stored scores as arrays, for a binary COPY: see store.SCORE.
select array_agg(q.property_id), array_agg(q.property_version), array_agg(q.contagion_score), array_agg(q.age_match_score), array_agg(q.financial_score), array_agg(q.visual_score), array_agg(q.total_urgency_score),
       array_agg(q.tier), array_agg(q.confidence), array_agg(q.action), array_agg(q.known), array_agg(q.fresh),
       array_agg(q.permits_within_100ft), array_agg(q.permits_within_500ft), array_agg(q.permits_within_quarter_mile), array_agg(q.same_subdivision_permits),
       array_agg(q.nearest_permit_ft), array_agg(q.nearest_permit_id), array_agg(q.since - date '2000-01-01'), array_agg(q.pressure), array_agg(q.replaced_year),
       array_agg(q.contractor_count), array_agg(q.contractor_1), array_agg(q.contractor_2), array_agg(q.contractor_3), array_agg(q.subdivision_year),
       array_agg(q.installed_year), array_agg(q.by_permit), array_agg(q.roof_age_years), array_agg(q.age_difference_years), array_agg(q.matches_neighbor_age),
       array_agg(q.damage), array_agg(q.life_left_years), array_agg(q.cluster_id)
  from (select * from app.property_scores s where s.playbook = :playbook /* which */) q;

-- name: stage
create temp table if not exists score_changes on commit delete rows as
select property_id, property_version, contagion_score, age_match_score, financial_score, visual_score, total_urgency_score, tier, confidence, action, known, fresh,
       permits_within_100ft, permits_within_500ft, permits_within_quarter_mile, same_subdivision_permits, nearest_permit_ft, nearest_permit_id, since, pressure, replaced_year,
       contractor_count, contractor_1, contractor_2, contractor_3, subdivision_year, installed_year, by_permit, roof_age_years, age_difference_years, matches_neighbor_age, damage, life_left_years, cluster_id
  from app.property_scores where false;

-- name: empty_stage
truncate score_changes;

-- name: drop_scores
delete from app.property_scores where playbook = :playbook and property_id = any(cast(:ids as bigint[]));

-- name: change_scores
-- In place: the page has room for a second version, so that no index is touched.
update app.property_scores s
   set property_version = c.property_version, contagion_score = c.contagion_score, age_match_score = c.age_match_score, financial_score = c.financial_score,
       visual_score = c.visual_score, total_urgency_score = c.total_urgency_score, tier = c.tier, confidence = c.confidence, action = c.action, known = c.known,
       fresh = c.fresh, permits_within_100ft = c.permits_within_100ft, permits_within_500ft = c.permits_within_500ft,
       permits_within_quarter_mile = c.permits_within_quarter_mile, same_subdivision_permits = c.same_subdivision_permits, nearest_permit_ft = c.nearest_permit_ft,
       nearest_permit_id = c.nearest_permit_id, since = c.since, pressure = c.pressure, replaced_year = c.replaced_year, contractor_count = c.contractor_count,
       contractor_1 = c.contractor_1, contractor_2 = c.contractor_2, contractor_3 = c.contractor_3, subdivision_year = c.subdivision_year,
       installed_year = c.installed_year, by_permit = c.by_permit, roof_age_years = c.roof_age_years, age_difference_years = c.age_difference_years,
       matches_neighbor_age = c.matches_neighbor_age, damage = c.damage, life_left_years = c.life_left_years, cluster_id = c.cluster_id,
       scored_on = cast(:scored_on as date), scored_at = (select app.now()), scoring_version = cast(:version as text)
  from score_changes c
 where s.org_id = cast(:org_id as int) and s.playbook = :playbook and s.property_id = c.property_id;

-- name: take_scores
-- The sub-select asks the clock once, not once a row.
insert into app.property_scores
select cast(:org_id as int), cast(:playbook as text), c.*, cast(:scored_on as date), (select app.now()), cast(:version as text) from score_changes c;

-- name: touch_leads
-- Leads whose place has another score than they have are due for scoring, even if they were scored in this very instant of
-- a held clock. The last thing of a pass, for it locks them.
update app.leads l set facts_changed_at = greatest(app.now(), l.scored_at + interval '1 microsecond')
 where l.playbook = :playbook and l.merged_into is null and l.scored_at >= l.facts_changed_at
   and (cast(:ids as bigint[]) is null or l.property_id = any(cast(:ids as bigint[])))
   and l.lead_score is distinct from coalesce((select s.total_urgency_score from app.property_scores s where s.org_id = l.org_id and s.playbook = l.playbook and s.property_id = l.property_id), 0);

-- name: places_near
select p.id, p.lat, p.lng from unnest(cast(:low as bigint[]), cast(:high as bigint[])) r(low, high)
  join app.properties p on p.grid_cell between r.low and r.high and p.org_id = cast(:org_id as int) and p.merged_into is null;

-- name: places_alike
select p.id from app.properties p where p.subdivision_id = any(cast(:subdivisions as int[])) and p.merged_into is null and p.lat is not null and p.lng is not null;

-- name: subdivisions_of
select distinct p.subdivision_id from app.properties p where p.id = any(cast(:ids as bigint[])) and p.subdivision_id is not null;

-- name: permits_now
select p.lat, p.lng, p.subdivision_id, p.property_id from app.building_permits p where p.id = any(cast(:ids as bigint[]));

-- name: permits_of
select p.id, p.lat, p.lng, p.subdivision_id from app.building_permits p
 where p.property_id = any(cast(:ids as bigint[])) and p.lat is not null and p.lng is not null and p.work = any(cast(:works as text[])) and p.permit_date <= cast(:as_of as date);

-- name: permits_near
select p.id, p.property_id from unnest(cast(:low as bigint[]), cast(:high as bigint[])) r(low, high)
  join app.building_permits p on p.grid_cell between r.low and r.high and p.org_id = cast(:org_id as int)
 where p.work = any(cast(:works as text[])) and p.permit_date <= cast(:as_of as date);

-- name: permits_alike
select p.id, p.lat, p.lng, p.property_id from app.building_permits p
 where p.subdivision_id = any(cast(:subdivisions as int[])) and p.lat is not null and p.lng is not null and p.work = any(cast(:works as text[])) and p.permit_date <= cast(:as_of as date);

-- name: permits_at
-- On the very spots: what belongs to no place is one project with what stands on the same. Cell by cell (offset 0 keeps the planner
-- from reading all permits once instead).
select p.id, p.property_id, p.subdivision_id from unnest(cast(:lats as double precision[]), cast(:lngs as double precision[])) s(lat, lng)
 cross join lateral (select b.id, b.property_id, b.subdivision_id, b.work, b.permit_date from app.building_permits b
                      where b.org_id = cast(:org_id as int) and b.grid_cell = app.grid_cell(s.lat, s.lng) and b.lat = s.lat and b.lng = s.lng offset 0) p
 where p.work = any(cast(:works as text[])) and p.permit_date <= cast(:as_of as date);

-- name: year_totals
select p.subdivision_id, coalesce(sum(p.year_built), 0) as years, count(p.year_built) as known from app.properties p
 where p.subdivision_id = any(cast(:subdivisions as int[])) and p.merged_into is null and p.lat is not null and p.lng is not null
 group by p.subdivision_id;

-- name: members
select permit_id, cluster_id from app.cluster_permits where playbook = :playbook and (cast(:ids as bigint[]) is null or permit_id = any(cast(:ids as bigint[])));

-- name: next_cluster
select coalesce(max(id), 0) + 1 from app.contagion_clusters;

-- name: keep_cluster
insert into app.contagion_clusters (org_id, id, playbook, center_lat, center_lng, radius_ft, permit_count, valued_count, value_cents, date_range_start, date_range_end, avg_year_built,
  cluster_score, cluster_status, last_scored_at)
values (cast(:org_id as int), :id, :playbook, :lat, :lng, :radius_ft, :permits, :valued, :value_cents, date '1970-01-01' + cast(:first_day as int), date '1970-01-01' + cast(:last_day as int),
  cast(:year_built as int), :score, :status, app.now())
on conflict (org_id, id) do update set center_lat = excluded.center_lat, center_lng = excluded.center_lng, radius_ft = excluded.radius_ft, permit_count = excluded.permit_count,
  valued_count = excluded.valued_count, value_cents = excluded.value_cents, date_range_start = excluded.date_range_start, date_range_end = excluded.date_range_end,
  avg_year_built = excluded.avg_year_built, cluster_score = excluded.cluster_score, cluster_status = excluded.cluster_status, last_scored_at = excluded.last_scored_at, ended_at = null;

-- name: end_clusters
update app.contagion_clusters set ended_at = app.now() where playbook = :playbook and ended_at is null and id <> all(cast(:ids as bigint[]));

-- name: drop_members
delete from app.cluster_permits where playbook = :playbook and permit_id = any(cast(:permits as bigint[]));

-- name: take_members
insert into app.cluster_permits (org_id, playbook, permit_id, cluster_id)
select cast(:org_id as int), :playbook, m.permit, m.cluster from unnest(cast(:permits as bigint[]), cast(:clusters as bigint[])) m(permit, cluster);

-- name: name_clusters
-- Where most of a cluster's permits are; its development only if half of them or more are in it.
with counted as (
  select m.cluster_id, p.state, p.city, p.subdivision_id from app.cluster_permits m join app.building_permits p on p.org_id = m.org_id and p.id = m.permit_id where m.playbook = :playbook
), town as (
  select distinct on (cluster_id) cluster_id, state, city from counted group by cluster_id, state, city order by cluster_id, count(*) desc, state, city
), development as (
  select distinct on (c.cluster_id) c.cluster_id, s.name, count(*) as permits from counted c join app.subdivisions s on s.id = c.subdivision_id
   group by c.cluster_id, s.id, s.name order by c.cluster_id, count(*) desc, s.id
)
update app.contagion_clusters c set state = t.state, city = t.city, subdivision_name = case when 2 * d.permits >= c.permit_count then d.name end
  from town t left join development d on d.cluster_id = t.cluster_id
 where c.id = t.cluster_id;

-- name: count_places
update app.contagion_clusters c set properties_in_cluster = coalesce(n.places, 0), properties_scored = coalesce(n.places, 0)
  from app.contagion_clusters k left join unnest(cast(:ids as bigint[]), cast(:places as int[])) n(id, places) on n.id = k.id
 where k.org_id = c.org_id and k.id = c.id and c.playbook = :playbook and c.ended_at is null;

-- name: count_hot_leads
update app.contagion_clusters c
   set hot_leads_generated = (select count(*) from app.leads l join app.property_scores s on s.playbook = l.playbook and s.property_id = l.property_id
                               where l.playbook = c.playbook and l.merged_into is null and s.tier = 2 and s.cluster_id = c.id)
 where c.playbook = :playbook and c.ended_at is null;

-- name: place_of_lead
select playbook, property_id from app.leads where id = cast(:id as uuid);

-- name: address
select concat_ws(', ', address_line1, city, state) as address from app.properties where id = cast(:id as bigint) and merged_into is null;

-- name: verdict_rows
select s.*, p.address_line1 as nearest_address, p.permit_date as nearest_date,
       cast(coalesce(100 * h.estimated_equity / nullif(h.property_value, 0), 'NaN') as double precision) as equity_percent, h.has_liens, h.recent_refinance or h.recent_heloc as refinanced
  from app.property_scores s join app.properties h on h.org_id = s.org_id and h.id = s.property_id
  left join app.building_permits p on p.org_id = s.org_id and p.id = s.nearest_permit_id
 where s.org_id = cast(:org_id as int) and s.playbook = :playbook and s.property_id = any(cast(:ids as bigint[]));
