-- name: places
-- The places of an area (one of three ways to say it; a drawn one as boxes of the grid that do not overlap), each with its score and why it is, or is not, to become a lead: see places.Why.
-- Each is looked up by key: tables that grew a moment ago have no statistics, and a join would be guessed wrong;
-- the order and the offset have each row of the grid looked up in its index.
with area as (
  select p.* from app.properties p
   where cast(:kind as text) = 'city' and p.org_id = cast(:org_id as int) and p.merged_into is null and p.state = cast(:state as text) and upper(p.city) = any(cast(:cities as text[]))
  union all
  select p.* from app.properties p
   where cast(:kind as text) = 'zip_code' and p.org_id = cast(:org_id as int) and p.merged_into is null and p.postal_code = cast(:postal_code as text)
  union all
  select p.* from unnest(cast(:south as bigint[]), cast(:north as bigint[]), cast(:west as bigint[]), cast(:east as bigint[])) x(south, north, west, east)
         cross join lateral generate_series(x.south, x.north) r cross join lateral (
         select p.* from app.properties p
          where p.org_id = cast(:org_id as int) and p.merged_into is null and p.grid_cell is not null and p.grid_cell between r * 72000 + x.west and r * 72000 + x.east
          order by p.grid_cell offset 0) p
   where cast(:kind as text) = 'custom_area'
)
select a.id, coalesce(a.lat, 'NaN') as lat, coalesce(a.lng, 'NaN') as lng, coalesce(s.total_urgency_score, cast(-1 as smallint)) as score,
       cast(cast(coalesce(s.permits_within_quarter_mile > 0 or s.same_subdivision_permits > 0, false) as int) as smallint) as felt,
       cast(cast(coalesce(a.source = cast(:vendor as text), false) as int) as smallint) as brought,
       cast(case when l.area_scan_id = cast(:scan_id as bigint) then 1
                 when l.assigned_broker_id = cast(:broker_id as uuid) then 2
                 when l.id is not null then 3
                 when a.grid_cell is null then 4
                 when s.property_id is null then 5
                 when s.total_urgency_score < cast(:lead_from as int) then 6
                 when c.is_deceased or c.is_litigator or exists (select 1 from app.suppressed_contacts b where b.org_id = a.org_id and b.contact_id = a.owner_contact_id) then 7
                 else 0 end as smallint) as why
  from area a
  left join lateral (select s.property_id, s.total_urgency_score, s.permits_within_quarter_mile, s.same_subdivision_permits from app.property_scores s where s.org_id = a.org_id and s.playbook = cast(:playbook as text) and s.property_id = a.id limit 1) s on true
  left join lateral (select l.id, l.area_scan_id, l.assigned_broker_id from app.leads l where l.org_id = a.org_id and l.playbook = cast(:playbook as text) and l.property_id = a.id and l.merged_into is null limit 1) l on true
  left join lateral (select c.is_deceased, c.is_litigator from app.contacts c where c.org_id = a.org_id and c.id = a.owner_contact_id limit 1) c on true;

-- name: permits
-- Permits of a kind of work in an area. Of a city or a ZIP code: those that say so, those of its places, and of those that say nothing
-- and have no place those in the cells of the grid where it has places.
with place as (
  select p.id, p.grid_cell from app.properties p
   where cast(:kind as text) = 'city' and p.org_id = cast(:org_id as int) and p.merged_into is null and p.state = cast(:state as text) and upper(p.city) = any(cast(:cities as text[]))
  union all
  select p.id, p.grid_cell from app.properties p
   where cast(:kind as text) = 'zip_code' and p.org_id = cast(:org_id as int) and p.merged_into is null and p.postal_code = cast(:postal_code as text)
), said as (
  select b.id, b.lat, b.lng from app.building_permits b
   where cast(:kind as text) = 'city' and b.org_id = cast(:org_id as int) and b.state = cast(:state as text) and upper(b.city) = any(cast(:cities as text[])) and b.work = any(cast(:works as text[]))
  union all
  select b.id, b.lat, b.lng from app.building_permits b
   where cast(:kind as text) = 'zip_code' and b.org_id = cast(:org_id as int) and b.postal_code = cast(:postal_code as text) and b.work = any(cast(:works as text[]))
  union
  select b.id, b.lat, b.lng from place p cross join lateral (
         select b.id, b.lat, b.lng from app.building_permits b where b.org_id = cast(:org_id as int) and b.property_id = p.id and b.work = any(cast(:works as text[])) order by b.property_id offset 0) b
  union
  select b.id, b.lat, b.lng from (select distinct grid_cell from place where grid_cell is not null) c cross join lateral (
         select b.id, b.lat, b.lng from app.building_permits b
          where b.org_id = cast(:org_id as int) and b.grid_cell = c.grid_cell and b.property_id is null and b.work = any(cast(:works as text[])) and case cast(:kind as text) when 'city' then b.city else b.postal_code end is null
          order by b.grid_cell offset 0) b
)
select b.lat, b.lng from said b
union all
select b.lat, b.lng from unnest(cast(:south as bigint[]), cast(:north as bigint[]), cast(:west as bigint[]), cast(:east as bigint[])) x(south, north, west, east)
       cross join lateral generate_series(x.south, x.north) r cross join lateral (
       select b.lat, b.lng from app.building_permits b
        where b.org_id = cast(:org_id as int) and b.grid_cell is not null and b.work = any(cast(:works as text[])) and b.grid_cell between r * 72000 + x.west and r * 72000 + x.east
        order by b.grid_cell offset 0) b
 where cast(:kind as text) = 'custom_area';

-- name: broker
select id, is_active from app.brokers where org_id = cast(:org_id as int) and id = cast(:id as uuid);

-- name: subscription
select tier, status, trial_leads_remaining from app.subscriptions where org_id = cast(:org_id as int) and broker_id = cast(:broker_id as uuid);

-- name: asked_before
select id, playbook, broker_id, area, scan_parameters, max_cost_cents from app.area_scans
 where org_id = cast(:org_id as int) and created_by = :actor and request_key = cast(:request_key as text);

-- name: insert_scan
insert into app.area_scans (org_id, playbook, broker_id, area_name, scan_type, area, min_lat, min_lng, max_lat, max_lng, scan_parameters, estimate, max_cost_cents, total_properties, created_by, request_key)
values (cast(:org_id as int), :playbook, cast(:broker_id as uuid), :area_name, :scan_type, cast(:area as jsonb), cast(:min_lat as double precision), cast(:min_lng as double precision),
        cast(:max_lat as double precision), cast(:max_lng as double precision), cast(:parameters as jsonb), cast(:estimate as jsonb), cast(:max_cost_cents as numeric), cast(:places as int), :actor, cast(:request_key as text))
on conflict (org_id, created_by, request_key) do nothing
returning id;

-- name: hold
-- A scan that somebody wants to change, held to the end of the transaction.
select id, status, worker_id, cancel_requested_at from app.area_scans where org_id = cast(:org_id as int) and id = cast(:id as bigint) for update;

-- name: hold_own
-- The same, if it is still ours to work on.
select id, cancel_requested_at, qualified_leads from app.area_scans
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and status = 'in_progress' and worker_id = cast(:worker_id as uuid) for update;

-- name: queue
update app.area_scans set status = 'queued', worker_id = null, error_message = null, completed_at = null, cancel_requested_at = null where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: ask_to_stop
update app.area_scans set cancel_requested_at = coalesce(cancel_requested_at, app.now()) where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: claim
-- The oldest scan that is wanted and that nobody works on.
with wanted as (
  select n.org_id, n.id, n.started_at is null as is_first from app.area_scans n
   where n.org_id = cast(:org_id as int) and n.status in ('queued', 'in_progress') and n.worker_id is null and n.id in (select d.id from app.scans_due d) and n.id <> all(cast(:tried as bigint[]))
   order by n.created_at, n.id limit 1 for update skip locked
)
update app.area_scans s set status = 'in_progress', worker_id = cast(:worker_id as uuid), step = coalesce(s.step, 'search'), error_message = null, started_at = coalesce(s.started_at, app.now())
  from wanted w where s.org_id = w.org_id and s.id = w.id
returning s.id, s.playbook, s.broker_id, s.area_name, s.scan_type, s.area, s.step, s.scan_parameters, s.estimate, s.max_cost_cents, s.created_by, w.is_first;

-- name: abandoned
-- Scans whose worker is gone: dead, signed off, or ours and not at work on them.
update app.area_scans s set worker_id = null
 where s.org_id = cast(:org_id as int) and s.status = 'in_progress' and s.worker_id is not null
   and (s.worker_id = any(cast(:dead as uuid[])) or exists (select 1 from app.workers w where w.id = s.worker_id and w.stopped_at is not null)
        or (s.worker_id = cast(:worker_id as uuid) and s.id <> all(cast(:running as bigint[]))))
returning s.id;

-- name: release
update app.area_scans set worker_id = null where org_id = cast(:org_id as int) and id = cast(:id as bigint) and status = 'in_progress' and worker_id = cast(:worker_id as uuid);

-- name: step
-- Only who holds the scan takes it a step further.
update app.area_scans set step = :step, bookmark = 0, results_summary = coalesce(results_summary, '{}') || cast(:learned as jsonb)
 where org_id = cast(:org_id as int) and id = cast(:id as bigint) and status = 'in_progress' and worker_id = cast(:worker_id as uuid) returning id;

-- name: counted
update app.area_scans set total_properties = cast(:total as int), processed_properties = cast(:processed as int) where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: walked
update app.area_scans set processed_properties = least(total_properties, processed_properties + cast(:processed as int)), qualified_leads = qualified_leads + cast(:made as int), bookmark = cast(:bookmark as bigint)
 where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: ended
update app.area_scans set status = cast(:status as app.scan_status), worker_id = null, completed_at = app.now(), error_message = cast(:error as text), results_summary = coalesce(results_summary, '{}') || cast(:learned as jsonb)
 where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: permits_wait
select exists (select 1 from app.permits_due);

-- name: followed
-- Which of these portals the org reads.
select source from app.permit_sources where org_id = cast(:org_id as int) and is_active and source = any(cast(:sources as text[])) order by source;

-- name: make_leads
-- The best places first. A place that became somebody's lead meanwhile, or fell below the bar, is left out.
insert into app.leads (org_id, playbook, property_id, contact_id, source, upload_id, row_number, assigned_broker_id, area_scan_id, lead_score, first_seen_at, last_seen_at, facts_changed_at, updated_at)
select p.org_id, cast(:playbook as text), p.id, p.owner_contact_id, p.source, p.upload_id, p.row_number, cast(:broker_id as uuid), cast(:scan_id as bigint), s.total_urgency_score, app.now(), app.now(), app.now(), app.now()
  from unnest(cast(:ids as bigint[])) with ordinality n(id, place)
  join app.properties p on p.org_id = cast(:org_id as int) and p.id = n.id and p.merged_into is null
  join app.property_scores s on s.org_id = p.org_id and s.playbook = cast(:playbook as text) and s.property_id = p.id and s.total_urgency_score >= cast(:lead_from as int)
 order by n.place
on conflict (org_id, playbook, property_id) where property_id is not null and merged_into is null do nothing
returning id, lead_score;

-- name: searched
-- What the search of a scan cost so far, US cents; a page in doubt counts as spent, one that another scan bought does not.
select coalesce(sum(v.cost_cents), 0) from app.vendor_calls v where v.org_id = cast(:org_id as int) and v.area_scan_id = cast(:id as bigint);

-- name: charged
-- What the leads of a scan cost its customer so far, US cents, and how many of them the trial paid for.
select coalesce(sum(u.quantity * u.unit_cents), 0) as cents, count(*) filter (where u.in_trial) as in_trial
  from app.leads l cross join lateral (
       select u.quantity, u.unit_cents, u.in_trial from app.usage_events u where u.org_id = l.org_id and u.metric = 'leads_generated' and u.reference = cast(l.id as text) limit 1) u
 where l.org_id = cast(:org_id as int) and l.area_scan_id = cast(:id as bigint);

-- name: tiers
select cast(l.priority as text) as tier, count(*) as leads, count(c.id) as owner_known, count(*) filter (where c.kind = 'company') as owned_by_companies
  from app.leads l left join lateral (select c.id, c.kind from app.contacts c where c.org_id = l.org_id and c.id = l.contact_id limit 1) c on true
 where l.org_id = cast(:org_id as int) and l.area_scan_id = cast(:id as bigint) group by l.priority order by l.priority;

-- name: best
select id from app.leads where org_id = cast(:org_id as int) and area_scan_id = cast(:id as bigint) order by lead_score desc, property_id limit 10;

-- name: listing
select s.id, s.playbook, s.broker_id, b.name as broker, s.area_name, s.scan_type, s.area, cast(s.status as text) as status, s.step, s.scan_parameters, s.estimate, s.max_cost_cents, s.total_properties, s.processed_properties,
       s.qualified_leads, case when s.total_properties = 0 then case when s.status = 'completed' then 100.0 else 0.0 end else round(100.0 * s.processed_properties / s.total_properties, 1) end as progress_percentage,
       s.results_summary, s.error_message, s.cancel_requested_at, s.created_by, s.created_at, s.started_at, s.completed_at, s.changed_at
  from app.area_scans s left join app.brokers b on b.org_id = s.org_id and b.id = s.broker_id
 where (cast(:id as bigint) is null or s.id = cast(:id as bigint)) and (cast(:before as bigint) is null or s.id < cast(:before as bigint)) and (cast(:status as text) is null or cast(s.status as text) = cast(:status as text))
   and (cast(:broker_id as uuid) is null or s.broker_id = cast(:broker_id as uuid))
 order by s.id desc limit cast(:limit as int);
