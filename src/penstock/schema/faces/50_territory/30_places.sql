-- Places, permits, clusters, scores, reports. What a score does not know is null here, and codes are words.

create view territory.properties with (security_invoker = true) as
select p.org_id, p.id, concat_ws(' ', p.address_line1, p.address_line2) as address, substring(p.address_line1 from '^\S*\d\S*') as street_number, btrim(regexp_replace(p.address_line1, '^\S*\d\S*\s*', '')) as street_name,
       p.city, p.state, p.postal_code as zip_code, d.name as subdivision_name, coalesce(p.apn_raw, p.apn) as parcel_id, cast(p.lat as numeric(10, 8)) as latitude, cast(p.lng as numeric(11, 8)) as longitude,
       case when p.lat is not null then jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(p.lng, p.lat)) end as geom,
       p.lot_sqft as lot_size_sqft, p.year_built, p.property_value as estimated_value, cast(case when p.property_value > 0 then least(999, greatest(-999, 100 * p.estimated_equity / p.property_value)) end as numeric(5, 2)) as equity_percent,
       coalesce(p.has_mortgage, p.mortgage_balance > 0) as has_mortgage, p.has_liens, p.recent_refinance, p.recent_heloc,
       cast(nullif(s.roof_age_years, -1) as int) as roof_age_years, p.roof_material, coalesce(p.owner_full_name, nullif(concat_ws(' ', p.owner_first_name, p.owner_last_name), ''), p.owner_company) as owner_name, ph.best as owner_phone, em.best as owner_email,
       coalesce(cast(l.lead_status as text), 'new') as lead_status, (select max(a.starts_at) from app.appointments a where a.org_id = l.org_id and a.lead_id = l.id) as appointment_date,
       (select max(m.sent_at) from app.message_log m where m.org_id = l.org_id and m.lead_id = l.id and m.direction = 'outbound' and m.state = 'sent') as last_contacted_at,
       coalesce((select jsonb_agg(t.tag order by t.tag) from app.lead_tags t where t.org_id = l.org_id and t.lead_id = l.id), '[]') as tags,
       (select n.body_sealed from app.lead_notes n where n.org_id = l.org_id and n.lead_id = l.id and n.deleted_at is null order by n.created_at desc, n.id desc limit 1) as notes,
       p.created_at, coalesce(seen.last_seen_at, p.created_at) as updated_at
  from app.properties p
  left join app.subdivisions d on d.org_id = p.org_id and d.id = p.subdivision_id
  left join app.property_seen seen on seen.org_id = p.org_id and seen.property_id = p.id
  left join lateral (select x.roof_age_years from app.property_scores x where x.org_id = p.org_id and x.property_id = p.id order by x.scored_at desc limit 1) s on true
  left join lateral (select x.org_id, x.id, x.lead_status, x.contact_id from app.leads x where x.org_id = p.org_id and x.property_id = p.id and x.merged_into is null order by x.first_seen_at desc, x.id limit 1) l on true
  left join api.contact_point_list ph on ph.org_id = p.org_id and ph.contact_id = coalesce(l.contact_id, p.owner_contact_id) and ph.kind = 'phone'
  left join api.contact_point_list em on em.org_id = p.org_id and em.contact_id = coalesce(l.contact_id, p.owner_contact_id) and em.kind = 'email'
 where p.merged_into is null;
comment on view territory.properties is 'Places. The owner''s phone and email are sealed.';

create view territory.building_permits with (security_invoker = true) as
select b.org_id, b.id, b.address_line1 as address, substring(b.address_line1 from '^\S*\d\S*') as street_number, btrim(regexp_replace(b.address_line1, '^\S*\d\S*\s*', '')) as street_name, b.city, b.state, b.postal_code as zip_code,
       cast(b.lat as numeric(10, 8)) as latitude, cast(b.lng as numeric(11, 8)) as longitude, case when b.lat is not null then jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(b.lng, b.lat)) end as geom,
       b.permit_number, b.permit_date, b.type_raw as permit_type, cast(b.value_cents / 100.0 as numeric(19, 2)) as permit_value, coalesce(c.name, b.contractor_name) as contractor_name, c.license_number as contractor_license, b.description as work_description,
       d.name as subdivision_name, b.apn as parcel_id, b.source_url, b.scraped_at, b.verified, b.created_at, b.updated_at, b.work
  from app.building_permits b left join app.contractors c on c.org_id = b.org_id and c.id = b.contractor_id left join app.subdivisions d on d.org_id = b.org_id and d.id = b.subdivision_id;
comment on view territory.building_permits is 'Permits: permit_type is the type as filed, work our kind of it.';

create view territory.contagion_clusters with (security_invoker = true) as
select k.org_id, k.id, k.city, k.state, k.subdivision_name, cast(k.center_lat as numeric(10, 8)) as center_latitude, cast(k.center_lng as numeric(11, 8)) as center_longitude,
       jsonb_build_object('type', 'Point', 'coordinates', jsonb_build_array(k.center_lng, k.center_lat)) as cluster_center, cast(k.radius_ft / 5280 as numeric(7, 2)) as radius_miles, k.permit_count,
       cast(case when k.valued_count > 0 then k.value_cents / 100.0 / k.valued_count end as numeric(19, 2)) as avg_permit_value, k.date_range_start, k.date_range_end, k.avg_year_built, k.cluster_score, k.cluster_status, k.properties_in_cluster, k.properties_scored, k.hot_leads_generated,
       jsonb_build_object('playbook', k.playbook, 'ended_at', k.ended_at) as metadata, k.created_at, k.last_scored_at
  from app.contagion_clusters k;
comment on view territory.contagion_clusters is 'Clusters of permits.';

create view territory.property_scores with (security_invoker = true) as
select s.org_id, s.playbook || ':' || s.property_id as id, s.playbook, s.property_id, nullif(s.cluster_id, 0) as cluster_id, cast(s.contagion_score as int) as contagion_score, s.permits_within_quarter_mile, s.permits_within_500ft, s.permits_within_100ft, s.same_subdivision_permits,
       cast(nullif(s.nearest_permit_ft, 'NaN') as int) as nearest_permit_distance_ft, b.address_line1 as nearest_permit_address, b.permit_date as nearest_permit_date,
       array_remove(array[c1.name, c2.name, c3.name], null) as neighbor_contractor_names, cast(s.age_match_score as int) as age_match_score, cast(nullif(s.installed_year, 0) as int) as year_built, cast(nullif(s.roof_age_years, -1) as int) as roof_age_years,
       s.matches_neighbor_age, cast(nullif(s.age_difference_years, -1) as int) as age_difference_years, cast(extract(year from s.scored_on) - nullif(s.subdivision_year, 'NaN') as int) as subdivision_avg_age, cast(s.financial_score as int) as financial_score,
       cast(p.property_value as numeric(14, 2)) as home_value, cast(case when p.property_value > 0 then least(999, greatest(-999, 100 * p.estimated_equity / p.property_value)) end as numeric(5, 2)) as estimated_equity_percent, cast(p.estimated_equity as numeric(14, 2)) as estimated_equity_amount,
       cast(null as int) as owner_income_estimate, coalesce(p.has_mortgage, p.mortgage_balance > 0) as has_mortgage, p.has_liens, p.recent_refinance, p.recent_heloc, cast(s.visual_score as int) as visual_score, s.known & 8 > 0 as has_aerial_analysis,
       case when img.id is not null then o.public_url || '/v1/properties/' || p.id || '/imagery/' || img.id || '/content' end as aerial_image_url, claude.assessment as claude_damage_assessment, gpt.assessment as gpt4v_damage_assessment,
       coalesce(claude.damage_level, gpt.damage_level) as visible_damage_level, to_jsonb(coalesce(claude.damage_indicators, gpt.damage_indicators)) as damage_indicators, cast(nullif(s.life_left_years, 'NaN') as int) as estimated_remaining_life_years,
       cast(s.total_urgency_score as int) as total_urgency_score, (array['COLD', 'WARM', 'HOT'])[s.tier + 1] as urgency_tier, (array['low', 'medium', 'high'])[s.confidence + 1] as confidence_level,
       (array['leave', 'wait', 'nurture', 'look_first', 'contact'])[s.action + 1] as recommended_action, s.scored_at, s.scored_at as last_updated_at, s.scoring_version,
       to_jsonb(array_remove(array[case when s.known & 1 > 0 then 'permits' end, case when s.by_permit then 'own_permit' when s.known & 2 > 0 then 'year_built' end, case when s.known & 4 > 0 then 'title' end, case when s.known & 8 > 0 then 'imagery' end], null)) as data_sources_used
  from app.property_scores s
  join app.properties p on p.org_id = s.org_id and p.id = s.property_id
  join app.orgs o on o.id = s.org_id
  left join app.building_permits b on b.org_id = s.org_id and b.id = nullif(s.nearest_permit_id, 0)
  left join app.contractors c1 on c1.org_id = s.org_id and c1.id = s.contractor_1
  left join app.contractors c2 on c2.org_id = s.org_id and c2.id = s.contractor_2
  left join app.contractors c3 on c3.org_id = s.org_id and c3.id = s.contractor_3
  left join lateral (select i.id from app.roof_images i where i.org_id = s.org_id and i.property_id = s.property_id and i.status = 'live' order by i.fetched_at desc, i.id desc limit 1) img on true
  left join app.roof_assessments claude on claude.org_id = s.org_id and claude.image_id = img.id and claude.vendor = 'anthropic' and claude.status = 'live'
  left join app.roof_assessments gpt on gpt.org_id = s.org_id and gpt.image_id = img.id and gpt.vendor = 'openai' and gpt.status = 'live';
comment on view territory.property_scores is 'Scores of places in words. Nobody''s income is estimated: null.';

create view territory.social_proof_data with (security_invoker = true) as
select org_id, playbook || ':' || property_id as id, property_id, playbook, text, facts, permits, contractors, made_at as created_at from app.social_proof_data;
comment on view territory.social_proof_data is 'What may be said of the work around.';

create view territory.property_reports with (security_invoker = true) as
select org_id, id, property_id, lead_id, contractor_id, playbook, content, opened_count, first_opened_at, created_at, withdrawn_at from app.property_reports;
comment on view territory.property_reports is 'Reports for owners.';

create view territory.contractors with (security_invoker = true) as
select org_id, id, name, license_number, license_state, phone, website, logo is not null as has_logo, broker_id as user_id, created_at, updated_at from app.contractors;
comment on view territory.contractors is 'Firms that do the work.';

create view territory.billing_usage with (security_invoker = true) as
select org_id, id, broker_id as user_id, day, metric, quantity, cost_usd, details, created_at, updated_at from api.billing_usage;
comment on view territory.billing_usage is 'What a customer used, by day and metric, and what it costs.';
