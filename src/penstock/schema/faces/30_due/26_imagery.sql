-- A place is due when nobody has looked, the look has aged, the place was moved, or its lead promises more than when it
-- was found to promise too little. Leads that no scan made have no place on the map to be looked at.
create view app.imagery_due with (security_invoker = true) as
select l.org_id, l.id as lead_id, l.playbook, l.property_id, l.lead_score, l.first_seen_at
  from app.leads l
  join app.properties p on p.org_id = l.org_id and p.id = l.property_id and p.lat is not null and p.lng is not null and p.merged_into is null
  left join app.roof_looks k on k.org_id = l.org_id and k.property_id = l.property_id and k.playbook = l.playbook
 where l.area_scan_id is not null and l.merged_into is null and l.lead_status <> 'do_not_contact' and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused')
   and (k.leased_until is null or k.leased_until <= app.now())
   and (k.property_id is null or k.due_at <= app.now() or (k.outcome <> 'waiting' and (k.lat, k.lng) is distinct from (p.lat, p.lng)) or (k.outcome = 'below' and l.lead_score > k.lead_score))
   and not exists (select 1 from app.on_hold h where h.org_id = l.org_id and h.stage = 'imagery' and h.item = l.property_id::text);
comment on view app.imagery_due is 'Leads whose place is to be looked at from above.';
