-- name: pulled
select exists (select 1 from app.permit_sources where source = :source and last_pulled_at is not null);

-- name: subscribed
select exists (select 1 from app.subscriptions where broker_id = cast(:broker_id as uuid) and stripe_subscription_id is not null);

-- name: stages
select (select count(*) from app.properties where merged_into is null) as places,
       (select count(*) from app.properties where merged_into is null and lat is not null) as located,
       (select count(*) from app.building_permits) as permits,
       (select count(*) from app.building_permits where property_id is not null) as permits_matched,
       (select count(*) from app.contagion_clusters where ended_at is null) as clusters,
       (select count(*) from app.property_scores) as scored,
       (select count(*) from app.property_scores where tier >= 1) as warm_or_hot,
       (select count(*) from app.property_scores where tier = 2) as hot,
       (select count(*) from app.area_scans where status = 'completed') as scans_completed,
       (select count(*) from app.leads where merged_into is null) as leads,
       (select count(distinct lead_id) from app.property_reports) as reports,
       (select count(*) from app.leads where waterfall_step > 0) as enriched,
       (select count(distinct m.lead_id) from app.message_log m where m.direction = 'outbound' and m.channel = 'email' and m.state in ('sent', 'in_doubt')) as emailed,
       (select count(*) from app.leads where last_reply_at is not null) as replied,
       (select count(*) from app.leads where consented_at is not null) as consented,
       (select count(distinct lead_id) from app.calls where state = 'ended') as called,
       (select count(distinct lead_id) from app.appointments) as booked,
       (select count(*) from app.usage_events where metric = 'leads_generated' and in_trial) as in_trial,
       (select count(*) from app.usage_events where metric = 'leads_generated' and not in_trial) as charged,
       (select count(*) from app.usage_events where meter_state = 'sent') as billed;

-- name: grade
-- Every lead in the ledger exactly once; none below the bar; no trial of more than it holds; nothing left untold.
-- `talked`: minutes of calls that the customers' usage shows.
select (select count(*) from app.leads l where l.merged_into is null and l.area_scan_id is not null
           and (select count(*) from app.usage_events e where e.org_id = l.org_id and e.lead_id = l.id and e.metric = 'leads_generated') <> 1) as leads_not_charged_once,
       (select count(*) from app.pipeline_events e where e.event_type = 'lead_found' and cast(e.details ->> 'score' as int) < 60) as leads_below_the_bar,
       (select count(*) from (select broker_id from app.usage_events where in_trial group by broker_id having count(*) > 25) t) as trials_overdrawn,
       (select count(*) from app.usage_events where meter_state in ('due', 'sending', 'refused')) as usage_untold,
       (select count(*) from app.roof_images where status = 'live') + (select count(*) from app.roof_assessments where status = 'live') as synthetic_as_live,
       (select cast(coalesce(sum(quantity), 0) as int) from api.billing_usage where metric = 'voice_minutes') as talked;
