-- name: claim
-- Leads to score, locked, so that two workers never announce the same change.
select l.id from app.leads l
 where l.playbook = :playbook and (l.scored_at is null or l.scored_at < l.facts_changed_at) and l.merged_into is null
   and not exists (select 1 from app.on_hold h where h.org_id = l.org_id and h.stage = 'scoring' and h.item = l.id::text)
 order by l.facts_changed_at limit cast(:limit as int) for update skip locked;

-- name: quality
-- The points of the waterfall: the quality of a lead whose playbook has no measure of its own.
select q.lead_id, q.email_points + q.phone_points + q.identity_points + q.occupancy_points + q.demographics_points as quality, q.email_points > 0 as has_email
  from api.vw_lead_quality q where q.lead_id = any(cast(:lead_ids as uuid[]))

-- name: score
with promise as materialized (
/* promise */
), measured as materialized (
/* quality */
), before as materialized (
  select l.org_id, l.id, l.lead_status, l.campaign_status, l.waterfall_exhausted_at, l.contact_id, q.quality, q.has_email
    from app.leads l join measured q on q.lead_id = l.id
   where l.id = any(cast(:lead_ids as uuid[]))
), route as (   -- ruled out only when nothing more can be bought; contactable as soon as it is
  select b.*, case when b.quality >= 60 or b.waterfall_exhausted_at is not null then api.status_for_score(b.quality)
                   when exists (select 1 from app.contact_points p where p.org_id = b.org_id and p.contact_id = b.contact_id) then 'enriched'
                   else b.lead_status end as becomes
    from before b
), changed as (
  update app.leads l
     set quality_score = r.quality, lead_score = coalesce(p.lead_score, 0), scored_at = greatest(app.now(), l.facts_changed_at), lead_status = r.becomes,
         campaign_status = case when r.campaign_status = 'new' and r.becomes = 'contactable' and r.has_email then 'queued'
                                when r.campaign_status = 'queued' and (r.becomes <> 'contactable' or not r.has_email) then 'new'
                                else r.campaign_status end,
         status_reason = case when r.becomes = 'contactable' and not r.has_email then 'reachable by phone only: consent must come first'
                              when r.becomes = 'do_not_contact' then 'quality score below 40 after the whole waterfall'
                              when r.becomes = 'enriched' and r.waterfall_exhausted_at is not null then 'quality score below 60 after the whole waterfall' end
    from route r left join promise p on p.lead_id = r.id
   where l.org_id = r.org_id and l.id = r.id and l.campaign_status in ('new', 'queued')
  returning l.id, l.lead_status, r.lead_status as was, l.quality_score, l.lead_score
), others as (   -- already in outreach: the scores follow the facts, the route stays
  update app.leads l set quality_score = r.quality, lead_score = coalesce(p.lead_score, 0), scored_at = greatest(app.now(), l.facts_changed_at)
    from route r left join promise p on p.lead_id = r.id
   where l.org_id = r.org_id and l.id = r.id and l.campaign_status not in ('new', 'queued')
  returning l.id
), diary as (
  insert into app.pipeline_events (org_id, at, lead_id, event_type, stage, duration_ms, details)
  select cast(:org_id as int), app.now(), c.id, e.event_type, 'scoring', cast(:duration_ms as int),
         jsonb_build_object('quality_score', c.quality_score, 'lead_score', c.lead_score, 'route', c.lead_status)
    from changed c cross join lateral (select 'lead_scored' as event_type union all select 'lead_routed' where c.lead_status <> c.was) e
  returning 1
)
select (select count(*) from changed) + (select count(*) from others) as scored, (select count(*) from diary) as lines;
