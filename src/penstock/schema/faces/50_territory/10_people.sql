-- The models of a territory business (customers, scans, leads, sequences), each as one view over the engine's tables.
create schema if not exists territory;
grant usage on schema territory to anon, authenticated, service_role, pipeline_writer;
comment on schema territory is 'Leads found on the map as their models name them: views over app, one truth.';

create view territory.users with (security_invoker = true) as
select b.org_id, b.id, b.email, cast(null as text) as hashed_password, b.company as company_name, b.phone, coalesce(s.role, 'user') as role, b.is_active,
       b.name as full_name, cast(null as text) as business_address, c.website, case when c.logo is not null then o.public_url || '/v1/contractors/' || c.id || '/logo' end as business_logo_url, coalesce(s.service_area, '[]') as service_area,
       coalesce(s.tier, 'trial') as subscription_tier, coalesce(s.status, 'active') as subscription_status, coalesce(s.trial_leads_remaining, 25) as trial_leads_remaining,
       cast((select coalesce(sum(e.quantity), 0) from app.usage_events e where e.org_id = b.org_id and e.broker_id = b.id and e.metric = 'leads_generated' and e.withdrawn_at is null
               and e.day >= date_trunc('month', app.now() at time zone o.timezone)::date) as int) as monthly_lead_count,
       s.stripe_customer_id, s.stripe_subscription_item_id, s.stripe_subscription_id, b.created_at, coalesce(s.updated_at, b.created_at) as updated_at
  from app.brokers b join app.orgs o on o.id = b.org_id
  left join app.subscriptions s on s.org_id = b.org_id and s.broker_id = b.id
  left join app.contractors c on c.org_id = b.org_id and c.broker_id = b.id;
comment on view territory.users is 'Customers: the broker, the subscription, the firm. A password is never shown.';

create view territory.area_scans with (security_invoker = true) as
select org_id, id, broker_id as user_id, area_name, scan_type, cast(status as text) as status, total_properties, processed_properties, qualified_leads,
       cast(case when total_properties > 0 then round(100.0 * processed_properties / total_properties, 1) when status = 'completed' then 100 else 0 end as double precision) as progress_percentage,
       scan_parameters, results_summary, error_message, created_at, started_at, completed_at
  from app.area_scans;
comment on view territory.area_scans is 'Area scans.';

-- The words of the seed's LeadStatus for our stages of the sale.
create function territory.lead_status(stage app.sales_stage) returns text language sql immutable parallel safe set search_path = pg_catalog as $$
  select case stage when 'new' then 'NEW' when 'contacted' then 'CONTACTED' when 'replied' then 'CONTACTED' when 'interested' then 'QUALIFIED' when 'appointment_scheduled' then 'APPOINTMENT_SCHEDULED'
                    when 'quoted' then 'PROPOSAL_SENT' when 'application_submitted' then 'PROPOSAL_SENT' when 'won' then 'CLOSED_WON' when 'lost' then 'CLOSED_LOST' end $$;

create view territory.leads with (security_invoker = true) as
select l.org_id, l.id, l.playbook, l.assigned_broker_id as user_id, l.area_scan_id, concat_ws(' ', p.address_line1, p.address_line2) as address, p.city, p.state, p.postal_code as zip_code, p.lat as latitude, p.lng as longitude,
       cast(nullif(ps.roof_age_years, -1) as int) as roof_age_years, cast(100 - rf.damage as double precision) as roof_condition_score, coalesce(p.roof_material, seen.material) as roof_material, p.roof_sqft as roof_size_sqft,
       case when img.id is not null then o.public_url || '/v1/properties/' || p.id || '/imagery/' || img.id || '/content' end as aerial_image_url, seen.analysis as ai_analysis,
       case when ps.property_id is null then 'pending' else 'completed' end as discovery_status, coalesce(img.status, 'failed') as imagery_status, case when o.rehearsed_at is null then 'live' else 'synthetic' end as property_enrichment_status,
       case when coalesce(em.best, ph.best) is not null then case when o.rehearsed_at is null then 'live' else 'synthetic' end when l.waterfall_step > 0 then 'failed' end as contact_enrichment_status,
       cast(l.lead_score as double precision) as lead_score, l.priority, case when ps.fresh then 'good_condition' when l.lead_score >= 90 then 'immediate' when l.lead_score >= 80 then 'urgent' when l.lead_score >= 60 then 'plan_ahead' else 'good_condition' end as replacement_urgency,
       seen.indicators as damage_indicators, coalesce(c.full_name, nullif(concat_ws(' ', c.first_name, c.last_name), ''), c.company) as homeowner_name, em.best as homeowner_email, ph.best as homeowner_phone,
       em.best as homeowner_email_hash, ph.best as homeowner_phone_hash, em.best as homeowner_email_encrypted, ph.best as homeowner_phone_encrypted, coalesce(em.best, ph.best) is not null as contact_enriched,
       cast((select coalesce(sum(v.cost_cents), 0) / 100 from app.vendor_calls v where v.org_id = l.org_id and v.lead_id = l.id and v.stage in ('enrichment', 'verification')) as double precision) as contact_enrichment_cost,
       off.at is not null as voice_opt_out, off.reason as voice_opt_out_reason, coalesce(off.at, l.consented_at) as voice_consent_updated_at, calls.last_at as last_voice_contacted,
       cast(p.property_value as bigint) as property_value, p.year_built, p.land_use as property_type, cast(extract(year from app.now()) - extract(year from p.last_sale_date) as int) as length_of_residence,
       territory.lead_status(l.sales_stage) as status, coalesce((select jsonb_agg(t.tag order by t.tag) from app.lead_tags t where t.org_id = l.org_id and t.lead_id = l.id), '[]') as tags,
       (select n.body_sealed from app.lead_notes n where n.org_id = l.org_id and n.lead_id = l.id and n.deleted_at is null order by n.created_at desc, n.id desc limit 1) as notes,
       greatest(sent.last_at, calls.last_at) as last_contacted, (select min(t.due_at) from app.tasks t where t.org_id = l.org_id and t.lead_id = l.id and t.state = 'open' and t.channel = 'follow_up') as next_follow_up,
       cast(coalesce((select sum(e.quantity * e.unit_cents) / 100 from app.usage_events e where e.org_id = l.org_id and e.lead_id = l.id and e.withdrawn_at is null), 0) as double precision) as cost_to_generate,
       cast((select avg(b.value_cents) / 100 from app.building_permits b where b.org_id = l.org_id and b.id = ps.nearest_permit_id and b.value_cents > 0) as double precision) as estimated_value,
       cast(l.conversion_probability as double precision) as conversion_probability, l.first_seen_at as created_at, l.updated_at
  from app.leads l
  join app.orgs o on o.id = l.org_id
  left join app.properties p on p.org_id = l.org_id and p.id = l.property_id
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
  left join app.property_scores ps on ps.org_id = l.org_id and ps.playbook = l.playbook and ps.property_id = l.property_id
  left join app.roof_facts rf on rf.org_id = l.org_id and rf.property_id = l.property_id
  left join lateral (select i.id, i.status from app.roof_images i where i.org_id = l.org_id and i.property_id = l.property_id order by i.status = 'live' desc, i.fetched_at desc, i.id desc limit 1) img on true
  left join lateral (select jsonb_object_agg(a.vendor, jsonb_build_object('status', a.status, 'model', a.model, 'text', a.assessment, 'condition_score', a.condition_score, 'damage_level', a.damage_level)) as analysis,
                            (array_agg(a.material order by a.vendor))[1] as material, (select jsonb_agg(distinct x) from app.roof_assessments b cross join unnest(b.damage_indicators) x where b.org_id = l.org_id and b.image_id = img.id and b.status = 'live') as indicators
                       from app.roof_assessments a where a.org_id = l.org_id and a.image_id = img.id) seen on true
  left join api.contact_point_list ph on ph.org_id = l.org_id and ph.contact_id = l.contact_id and ph.kind = 'phone'
  left join api.contact_point_list em on em.org_id = l.org_id and em.contact_id = l.contact_id and em.kind = 'email'
  left join lateral (select min(s.created_at) as at, min(s.reason) as reason from app.suppressions s where s.org_id = l.org_id and s.lifted_at is null and 'voice_ai' = any(s.channels) and ((s.kind = 'contact' and s.contact_id = l.contact_id) or (s.kind = 'phone' and s.value = ph.best))) off on true
  left join lateral (select max(coalesce(k.started_at, k.placed_at)) as last_at from app.calls k where k.org_id = l.org_id and k.lead_id = l.id) calls on true
  left join lateral (select max(m.sent_at) as last_at from app.message_log m where m.org_id = l.org_id and m.lead_id = l.id and m.direction = 'outbound' and m.state = 'sent') sent on true
 where l.merged_into is null;
comment on view territory.leads is 'Leads with place, roof, owner, scores and sale in one row. Contact values are sealed.';
