-- name: server_version
select current_setting('server_version_num');

-- name: has_schema
select to_regclass('app.alembic_version') is not null;

-- name: usable_roles
select rolname from pg_roles where rolname = any(cast(:names as text[])) and pg_has_role(current_user, oid, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end);

-- name: missing_faces
select n.name from unnest(cast(:names as text[])) n (name)
 where to_regclass(n.name) is null
   and not exists (select 1 from pg_proc p join pg_namespace s on s.oid = p.pronamespace where s.nspname || '.' || p.proname = n.name)
 order by n.name;

-- name: unprotected_tables
-- Partitions are reached through their parent, whose policies hold for them.
select c.relname from pg_class c
 where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
   and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped)
   and not (c.relrowsecurity and c.relforcerowsecurity)
 order by 1;

-- name: their_time
select clock_timestamp();

-- name: tenants
select slug, postal_address, rehearsed_at from app.orgs order by id;

-- name: unlocated
select count(*) from app.geocoding_due;

-- name: workers
select count(*) from app.workers where stopped_at is null and last_seen_at > clock_timestamp() - interval '2 minutes';

-- name: trouble
select (select count(*) from app.alerts where resolved_at is null) as alerts,
       (select count(*) from app.dlq where retry_after is null) as stuck;

-- name: open_alerts
select rule, value, fired_at from app.alerts where resolved_at is null order by fired_at;

-- name: lead
select l.id, coalesce(c.full_name, c.company) as name, concat_ws(', ', coalesce(p.address_line1, co.address_line1), coalesce(p.address_line2, co.address_line2), coalesce(p.city, co.city), coalesce(p.state, co.state)) as address,
       co.name as company, c.title, cast(s.role_code as text) as slot,
       (select string_agg(o.role_code || ' ' || coalesce(cast(e.status as text), case when o.contact_id is null then 'vacant' else 'no email' end), ', ' order by o.role_code)
          from app.company_slots o left join app.contact_points e on e.org_id = o.org_id and e.contact_id = o.contact_id and e.is_primary where o.org_id = l.org_id and o.company_id = l.company_id) as slots,
       l.playbook, l.lead_status, l.campaign_status, l.sales_stage, l.quality_score, l.lead_score
  from app.leads l
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
  left join app.properties p on p.org_id = l.org_id and p.id = l.property_id
  left join app.companies co on co.org_id = l.org_id and co.id = l.company_id
  left join app.company_slots s on s.org_id = l.org_id and s.company_id = l.company_id and s.contact_id = l.contact_id
 where l.id = cast(:id as uuid);

-- name: rejections
select field, reason, fix, count(*) from app.rejected_rows where upload_id = cast(:id as uuid) group by field, reason, fix order by count(*) desc, 1, 2 limit 20;

-- name: notes
select note, count(*), 'row ' || min(row_number) from app.upload_rows where upload_id = cast(:id as uuid) and note is not null group by note order by count(*) desc, 1 limit 20;

-- name: dlq_by_stage
select stage, count(*) as items from app.dlq group by stage order by stage;

-- name: most_eventful_lead
select l.id from app.leads l join app.pipeline_events e on e.org_id = l.org_id and e.lead_id = l.id
 where l.merged_into is null
 group by l.id order by count(distinct e.event_type) desc, count(*) desc, l.id limit 1;
