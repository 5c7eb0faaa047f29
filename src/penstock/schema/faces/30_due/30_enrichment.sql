-- A step of the waterfall is due when what the step before bought has been checked and scored, and the lead is still not contactable.
create view app.enrichment_due with (security_invoker = true) as
select l.org_id, l.id as lead_id, l.playbook, l.property_id, l.contact_id, l.waterfall_step, l.lead_status, l.first_seen_at
  from app.leads l
 where l.waterfall_exhausted_at is null and l.merged_into is null and l.campaign_status in ('new', 'queued')
   and (l.waterfall_step = 0 or (l.scored_at >= l.facts_changed_at
        and not exists (select 1 from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and (p.verified_at is null or p.check_step > 0) and not p.is_invalid)))
   and not exists (select 1 from app.on_hold h where h.org_id = l.org_id and h.stage = 'enrichment' and h.item = l.id::text);
comment on view app.enrichment_due is 'Leads whose next step of the waterfall may be bought.';
