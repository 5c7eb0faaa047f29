-- The lists people ask for.

create view api.vw_lead_quality_summary with (security_invoker = true) as
select lead_status as status, source, count(*) as count, round(avg(quality_score), 2) as avg_quality_score,
       count(*) filter (where quality_score >= 60) as contactable_count, count(*) filter (where quality_score >= 40 and quality_score < 60) as enriched_count, count(*) filter (where quality_score < 40) as low_quality_count
  from app.leads where merged_into is null group by lead_status, source;
comment on view api.vw_lead_quality_summary is 'How good the leads are, by status and source.';

-- Suppressed: by person, or every email by its own value.
create view app.suppressed_contacts with (security_invoker = true) as
select s.org_id, s.contact_id from app.suppressions s where s.lifted_at is null and s.value is null and s.kind = 'contact' and 'email' = any(s.channels);
comment on view app.suppressed_contacts is 'People who must not be written to, whatever the address.';

create view api.vw_campaign_ready_leads with (security_invoker = true) as
select l.id, l.first_name, l.last_name, l.property_city, l.property_state, l.quality_score, l.phones, l.emails, l.assigned_persona, l.microsite_url, l.first_seen_at
  from api.leads l
 where l.status = 'contactable' and l.added_to_campaign_at is null and l.quality_score >= 60 and l.campaign_status in ('new', 'queued')
   and not exists (select 1 from app.leads a join app.suppressed_contacts s on s.org_id = a.org_id and s.contact_id = a.contact_id where a.org_id = l.org_id and a.id = l.id)
 order by l.quality_score desc, l.lead_score desc, l.id;
comment on view api.vw_campaign_ready_leads is 'Reachable leads that no campaign has taken yet, best first; nobody suppressed.';

create materialized view api.mv_contactable_leads as
select l.org_id, l.id, l.campaign_status, l.lead_score, l.quality_score, l.assigned_broker_id, l.contact_id, l.property_id, l.added_to_campaign_at, l.consented_at
  from app.leads l
 where l.consent and l.merged_into is null and l.campaign_status in ('new', 'queued', 'active', 'replied')
   and exists (select 1 from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and p.verified);
create unique index mv_contactable_leads_key on api.mv_contactable_leads (org_id, id);
create index mv_contactable_leads_best on api.mv_contactable_leads (org_id, lead_score desc);
comment on materialized view api.mv_contactable_leads is 'Who may be called: consent on file and a verified contact point. Refreshed at 05:30. A materialised view knows no row-level security: only the service role may read it.';

grant select on all tables in schema api to authenticated, service_role, pipeline_writer;
grant insert, update on api.leads, api.pipeline_dlq to authenticated, service_role, pipeline_writer;
revoke all on api.mv_contactable_leads from authenticated, pipeline_writer;
grant select on app.suppressed_contacts to authenticated, service_role;
