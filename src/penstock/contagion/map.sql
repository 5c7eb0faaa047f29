-- name: stage_cells
create temp table if not exists map_cell_changes on commit delete rows as
select grid_cell, places, hot, warm, score_sum, best from app.map_cells where false;

-- name: empty_cells
truncate map_cell_changes;

-- name: drop_all_cells
delete from app.map_cells where org_id = cast(:org_id as int) and playbook = :playbook;

-- name: take_cells
insert into app.map_cells (org_id, playbook, grid_cell, places, hot, warm, score_sum, best)
select cast(:org_id as int), cast(:playbook as text), c.* from map_cell_changes c;

-- name: cells_of
select distinct p.grid_cell from app.properties p where p.org_id = cast(:org_id as int) and p.id = any(cast(:ids as bigint[])) and p.grid_cell is not null;

-- name: drop_cells
delete from app.map_cells where org_id = cast(:org_id as int) and playbook = :playbook and grid_cell = any(cast(:cells as bigint[]));

-- name: count_cells
insert into app.map_cells (org_id, playbook, grid_cell, places, hot, warm, score_sum, best)
select p.org_id, s.playbook, p.grid_cell, count(*), count(*) filter (where s.tier = 2), count(*) filter (where s.tier = 1), sum(s.total_urgency_score), max(s.total_urgency_score)
  from app.properties p join app.property_scores s on s.org_id = p.org_id and s.playbook = cast(:playbook as text) and s.property_id = p.id
 where p.org_id = cast(:org_id as int) and p.grid_cell = any(cast(:cells as bigint[])) and p.merged_into is null
 group by p.org_id, s.playbook, p.grid_cell;

-- name: counted_at
select scored_on, scored_at from app.contagion_runs where playbook = :playbook;

-- name: property_cells
-- Cells of `size` by `size` cells of the grid, over two spans of columns that do not overlap (the second is empty but at the date line).
select c.grid_cell / 72000 / cast(:size as int) as y, c.grid_cell % 72000 / cast(:size as int) as x, sum(c.places) as count, sum(c.hot) as hot, sum(c.warm) as warm,
       sum(c.score_sum) / sum(c.places) as mean_score, max(c.best) as max_score
  from app.map_cells c
 where c.org_id = cast(:org_id as int) and c.playbook = :playbook and c.grid_cell between cast(:first as bigint) and cast(:last as bigint)
   and (c.grid_cell % 72000 between cast(:west as bigint) and cast(:east as bigint) or c.grid_cell % 72000 between cast(:west_2 as bigint) and cast(:east_2 as bigint))
 group by 1, 2;

-- name: property_points
-- A place's address is for staff and for whose lead it is (:broker_id null: staff); a broker sees no other place.
select p.id, p.lat, p.lng, s.total_urgency_score as score, s.tier, s.permits_within_500ft as permits, s.cluster_id, p.address_line1, p.city, p.state
  from app.properties p
  join app.property_scores s on s.org_id = cast(:org_id as int) and s.playbook = cast(:playbook as text) and s.property_id = p.id
 where p.org_id = cast(:org_id as int) and p.merged_into is null and p.grid_cell = any(cast(:cells as bigint[]))
   and p.lat between cast(:s as double precision) and cast(:n as double precision) and case when cast(:w as double precision) <= cast(:e as double precision) then p.lng between cast(:w as double precision) and cast(:e as double precision) else p.lng >= cast(:w as double precision) or p.lng <= cast(:e as double precision) end
   and (cast(:broker_id as uuid) is null
        or exists (select 1 from app.leads l where l.org_id = cast(:org_id as int) and l.playbook = cast(:playbook as text) and l.property_id = p.id and l.assigned_broker_id = cast(:broker_id as uuid) and l.merged_into is null))
 order by s.total_urgency_score desc, p.id limit :limit;

-- name: permit_cells
select c.grid_cell / 72000 / cast(:size as int) as y, c.grid_cell % 72000 / cast(:size as int) as x, sum(c.permits) as count, max(c.newest) as newest
  from (select b.grid_cell, count(*) as permits, max(b.permit_date) as newest from app.building_permits b
         where b.org_id = cast(:org_id as int) and b.work = any(cast(:works as text[])) and b.permit_date > cast(:since as date) and b.grid_cell between cast(:first as bigint) and cast(:last as bigint)
         group by b.grid_cell offset 0) c
 where c.grid_cell % 72000 between cast(:west as bigint) and cast(:east as bigint) or c.grid_cell % 72000 between cast(:west_2 as bigint) and cast(:east_2 as bigint)
 group by 1, 2;

-- name: permit_points
select b.id, b.lat, b.lng, b.permit_date, b.work, b.address_line1, b.city, b.state, b.contractor_name, b.value_cents
  from app.building_permits b
 where b.org_id = cast(:org_id as int) and b.grid_cell = any(cast(:cells as bigint[])) and b.work = any(cast(:works as text[])) and b.permit_date > cast(:since as date)
   and b.lat between cast(:s as double precision) and cast(:n as double precision) and case when cast(:w as double precision) <= cast(:e as double precision) then b.lng between cast(:w as double precision) and cast(:e as double precision) else b.lng >= cast(:w as double precision) or b.lng <= cast(:e as double precision) end
 order by b.permit_date desc, b.id limit :limit;

-- name: cluster_cells
select c.cell / 72000 / cast(:size as int) as y, c.cell % 72000 / cast(:size as int) as x, count(*) as count, sum(c.permit_count) as permits, max(c.cluster_score) as max_score
  from (select app.grid_cell(k.center_lat, k.center_lng) as cell, k.permit_count, k.cluster_score from app.contagion_clusters k
         where k.org_id = cast(:org_id as int) and k.playbook = :playbook and k.ended_at is null offset 0) c
 where c.cell between cast(:first as bigint) and cast(:last as bigint)
   and (c.cell % 72000 between cast(:west as bigint) and cast(:east as bigint) or c.cell % 72000 between cast(:west_2 as bigint) and cast(:east_2 as bigint))
 group by 1, 2;

-- name: cluster_points
select c.id, c.center_lat as lat, c.center_lng as lng, c.radius_ft, c.permit_count as permits, c.value_cents, c.date_range_start as first_permit, c.date_range_end as last_permit, c.avg_year_built,
       c.cluster_score as score, c.cluster_status as status, c.properties_in_cluster as properties, c.city, c.state, c.subdivision_name
  from app.contagion_clusters c
 where c.org_id = cast(:org_id as int) and c.playbook = :playbook and c.ended_at is null and c.center_lat between cast(:s as double precision) and cast(:n as double precision)
   and case when cast(:w as double precision) <= cast(:e as double precision) then c.center_lng between cast(:w as double precision) and cast(:e as double precision) else c.center_lng >= cast(:w as double precision) or c.center_lng <= cast(:e as double precision) end
 order by c.cluster_score desc, c.id limit :limit;

-- name: clusters
select c.id, c.center_lat, c.center_lng, c.radius_ft, c.permit_count, c.value_cents, c.date_range_start, c.date_range_end, c.avg_year_built, c.cluster_score, c.cluster_status, c.properties_in_cluster,
       c.hot_leads_generated, c.city, c.state, c.subdivision_name, c.created_at, c.last_scored_at, c.ended_at
  from app.contagion_clusters c
 where c.org_id = cast(:org_id as int) and c.playbook = :playbook and (c.ended_at is null or cast(:ended as boolean)) order by c.ended_at is not null, c.cluster_score desc, c.id limit :limit;

-- name: drawn_permits
-- Permits of a picture; without a box, all.
select b.lat, b.lng, b.permit_date from app.building_permits b
 where b.org_id = cast(:org_id as int) and b.work = any(cast(:works as text[])) and b.permit_date > cast(:since as date) and b.permit_date <= cast(:until as date) and b.lat is not null and b.lng is not null
   and (cast(:w as double precision) is null or (b.lng between cast(:w as double precision) and cast(:e as double precision) and b.lat between cast(:s as double precision) and cast(:n as double precision)))
 order by b.permit_date, b.id limit :limit;

-- name: tiers
select coalesce(sum(places) - sum(hot) - sum(warm), 0) as "COLD", coalesce(sum(warm), 0) as "WARM", coalesce(sum(hot), 0) as "HOT" from app.map_cells where org_id = cast(:org_id as int) and playbook = :playbook;
