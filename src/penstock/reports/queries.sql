-- name: one_at_a_time
-- Two workers would make the same reports twice; the second waits and finds nothing due.
select pg_advisory_xact_lock(hashtextextended('reports', cast(:org_id as int)));

-- name: due
select id as lead_id, property_id, basis from app.reports_due where playbook = :playbook order by id limit cast(:limit as int);

-- name: asked
-- The present basis of named leads, whatever they have.
select lead_id, property_id, playbook, basis from app.report_basis where lead_id = any(cast(:lead_ids as uuid[])) order by lead_id;

-- name: scored
-- A lead's place and its score.
select l.id as lead_id, p.id as property_id, p.address_line1, p.address_line2, p.city, p.state, p.postal_code, p.lat, p.lng,
       s.contagion_score, s.age_match_score, s.financial_score, s.visual_score, s.total_urgency_score, s.tier, s.confidence, s.known, s.fresh,
       s.permits_within_100ft, s.permits_within_500ft, s.permits_within_quarter_mile, s.nearest_permit_ft, s.since, s.contractor_count,
       s.installed_year, s.by_permit, s.roof_age_years, s.scored_on, n.permit_date as nearest_on,
       c.id as contractor_id, coalesce(c.name, b.company, b.name) as contractor, c.license_number, c.license_state, c.phone, c.website,
       o.legal_name, o.postal_address
  from app.leads l
  join app.orgs o on o.id = l.org_id
  join app.properties p on p.org_id = l.org_id and p.id = l.property_id
  join app.property_scores s on s.org_id = l.org_id and s.property_id = l.property_id and s.playbook = l.playbook
  left join app.building_permits n on n.org_id = s.org_id and n.id = s.nearest_permit_id
  left join app.brokers b on b.org_id = l.org_id and b.id = l.assigned_broker_id
  left join app.contractors c on c.org_id = l.org_id and c.broker_id = l.assigned_broker_id
 where l.id = any(cast(:lead_ids as uuid[])) and p.lat is not null;

-- name: around
-- Projects and homes around places, as arrays of points: the cells of the map that lie within `metres` and 60 more, for the permits of one place may be apart. Of each
-- project the permit that began it, by the rule of the score (contagion.one_per_project).
with places as (
  select p.org_id, p.id, p.lat, p.lng, (cast(:metres as double precision) + 60) / 110500 as high, (cast(:metres as double precision) + 60) / (110500 * cos(radians(p.lat))) as wide
    from app.properties p where p.id = any(cast(:property_ids as bigint[])) and p.lat is not null
), strips as (   -- one row of cells each
  select a.org_id, a.id, s * 72000 + floor((a.lng + 180 - a.wide) * 200)::bigint as first, s * 72000 + floor((a.lng + 180 + a.wide) * 200)::bigint as last
    from places a cross join generate_series(floor((a.lat + 90 - a.high) * 200)::bigint, floor((a.lat + 90 + a.high) * 200)::bigint) as s
), filed as (   -- each with the one before it at the same place: the property it is about or, where that is not known, the spot
  select t.id, b.id as permit_id, b.lat, b.lng, b.permit_date,
         lag(b.permit_date) over (partition by t.id, o.id, case when o.id is null then b.lat end, case when o.id is null then b.lng end order by b.permit_date, b.id) as before
    from strips t join app.building_permits b on b.org_id = t.org_id and b.grid_cell between t.first and t.last
    left join app.properties o on o.org_id = b.org_id and o.id = b.property_id and o.merged_into is null and o.lat is not null and o.lng is not null
   where b.work = any(cast(:works as text[])) and b.property_id is distinct from t.id
), permits as (
  select id, array_agg(lat order by permit_id) as lats, array_agg(lng order by permit_id) as lngs, array_agg(permit_date order by permit_id) as days
    from filed where permit_date > cast(:since as date) and (before is null or permit_date - before > cast(:project_days as int))
   group by id
), read_on as (
  select t.id, array_agg(distinct initcap(b.city) || ', ' || b.state) filter (where b.city is not null) as cities, max(greatest(b.scraped_at, s.last_pulled_at)) as read_at
    from strips t join app.building_permits b on b.org_id = t.org_id and b.grid_cell between t.first and t.last
    left join app.permit_sources s on s.org_id = b.org_id and s.source = b.source
   group by t.id
), homes as (
  select t.id, array_agg(h.lat order by h.id) as lats, array_agg(h.lng order by h.id) as lngs
    from strips t join app.properties h on h.org_id = t.org_id and h.grid_cell between t.first and t.last and h.id <> t.id and h.merged_into is null
   group by t.id
)
select a.id, p.lats as permit_lats, p.lngs as permit_lngs, p.days as permit_days, h.lats as home_lats, h.lngs as home_lngs, r.cities, r.read_at
  from places a left join permits p on p.id = a.id left join homes h on h.id = a.id left join read_on r on r.id = a.id;

-- name: pictures
-- Only what a camera saw: a stand-in's picture is never shown. And only what may be handed on: the terms of pictures bought by
-- contract let us look at them, not publish them.
select distinct on (property_id) property_id, id, source, license, taken_on, media_type, content_sha256
  from app.roof_images where property_id = any(cast(:property_ids as bigint[])) and status = 'live' and license ilike '%public domain%' and media_type in ('image/jpeg', 'image/png')
 order by property_id, fetched_at desc, id;

-- name: retire
update app.property_reports set is_current = false where lead_id = any(cast(:lead_ids as uuid[])) and is_current;

-- name: keep
-- A report whose facts were those of an earlier one is that one again, with today's days.
insert into app.property_reports (org_id, property_id, lead_id, contractor_id, playbook, content, content_sha256, basis)
select cast(:org_id as int), m.property_id, m.lead_id, m.contractor_id, :playbook, cast(m.content as jsonb), m.sha256, m.basis
  from unnest(cast(:lead_ids as uuid[]), cast(:property_ids as bigint[]), cast(:contractor_ids as int[]), cast(:contents as text[]), cast(:sha256s as text[]), cast(:bases as text[]))
       as m(lead_id, property_id, contractor_id, content, sha256, basis)
on conflict (org_id, lead_id, content_sha256) where lead_id is not null and withdrawn_at is null
do update set content = excluded.content, basis = excluded.basis, contractor_id = excluded.contractor_id, pdf = null, is_current = true, created_at = app.now()
returning id, lead_id;

-- name: keep_proof
insert into app.social_proof_data (org_id, property_id, playbook, text, facts, permits, contractors)
select cast(:org_id as int), m.property_id, :playbook, m.text, cast(m.facts as jsonb), m.permits, m.contractors
  from unnest(cast(:property_ids as bigint[]), cast(:texts as text[]), cast(:facts as text[]), cast(:permits as int[]), cast(:contractors as int[])) as m(property_id, text, facts, permits, contractors)
on conflict (org_id, property_id, playbook) do update set text = excluded.text, facts = excluded.facts, permits = excluded.permits, contractors = excluded.contractors, made_at = app.now();

-- name: forget_proof
delete from app.social_proof_data where playbook = :playbook and property_id = any(cast(:property_ids as bigint[]));

-- name: report
select r.id, r.lead_id, r.property_id, r.playbook, r.content, r.pdf, r.withdrawn_at, r.contractor_id, r.created_at, c.logo, c.logo_type
  from app.property_reports r left join app.contractors c on c.org_id = r.org_id and c.id = r.contractor_id
 where r.id = cast(:id as uuid);

-- name: way_out
-- Whether the person behind a lead wants no calls.
select l.lead_status = 'do_not_contact' or l.campaign_status in ('unsubscribed', 'do_not_contact') as barred from app.leads l where l.id = cast(:lead_id as uuid);

-- name: picture
select content, media_type from app.roof_images where id = cast(:id as bigint) and content_sha256 = :sha256 and status = 'live';

-- name: keep_pdf
update app.property_reports set pdf = :pdf where id = cast(:id as uuid) and pdf is null;

-- name: opened
update app.property_reports set opened_count = opened_count + 1, first_opened_at = coalesce(first_opened_at, app.now())
 where id = cast(:id as uuid) and withdrawn_at is null
returning lead_id, opened_count = 1 as first;

-- name: withdraw
update app.property_reports set withdrawn_at = app.now() where id = cast(:id as uuid) and withdrawn_at is null returning id;

-- name: current_of_lead
select id from app.property_reports where lead_id = cast(:lead_id as uuid) and is_current and withdrawn_at is null;

-- name: address_of_org
select public_url from app.orgs where id = cast(:org_id as int);

-- name: listing
select id, lead_id, property_id, playbook, content -> 'address' ->> 'line1' as address_line1, content -> 'address' ->> 'city' as city, content -> 'address' ->> 'state' as state,
       cast(content -> 'score' ->> 'total' as int) as total_urgency_score, content -> 'score' ->> 'tier' as urgency_tier, is_current, opened_count, first_opened_at, created_at, withdrawn_at
  from app.property_reports
 where (cast(:lead_id as uuid) is null or lead_id = cast(:lead_id as uuid)) and (not cast(:current as boolean) or is_current)
   and (cast(:after_at as timestamptz) is null or (created_at, id) < (cast(:after_at as timestamptz), cast(:after_id as uuid)))
 order by created_at desc, id desc limit cast(:limit as int);

-- name: shown
select id, lead_id, property_id, playbook, content, is_current, opened_count, first_opened_at, created_at, withdrawn_at from app.property_reports where id = cast(:id as uuid);

-- name: proof
select property_id, playbook, text, facts, permits, contractors, made_at from app.social_proof_data where property_id = cast(:property_id as bigint) order by playbook;

-- name: own_firm
select c.id, c.name, c.license_number, c.license_state, c.phone, c.website, c.logo_type, c.broker_id, c.updated_at from app.contractors c where c.broker_id = cast(:broker_id as uuid);

-- name: lock_firms
select pg_advisory_xact_lock(hashtextextended('contractors', cast(:org_id as int)));

-- name: logo_of
select logo, logo_type from app.contractors where id = cast(:id as int);

-- name: holder_of_name
select id, broker_id from app.contractors where name_key = :name_key;

-- name: let_go
-- The firm that the customer was known as stays in the permits it did.
update app.contractors set broker_id = null, updated_at = app.now() where broker_id = cast(:broker_id as uuid) and id is distinct from cast(:id as int);

-- name: keep_firm
insert into app.contractors (org_id, name, name_key, license_number, license_state, phone, website, logo, logo_type, broker_id)
values (cast(:org_id as int), :name, :name_key, :license_number, :license_state, :phone, :website, cast(:logo as bytea), :logo_type, cast(:broker_id as uuid))
on conflict (org_id, name_key) do update
   set name = excluded.name, license_number = excluded.license_number, license_state = excluded.license_state, phone = excluded.phone, website = excluded.website,
       logo = excluded.logo, logo_type = excluded.logo_type, broker_id = excluded.broker_id, updated_at = app.now();

-- name: broker_is_here
select 1 as here from app.brokers where id = cast(:broker_id as uuid);

-- name: broker_by_email
select id from app.brokers where lower(email) = lower(:email);
