create view app.scoring_due with (security_invoker = true) as
select l.org_id, l.id as lead_id, l.playbook, l.facts_changed_at
  from app.leads l
 where (l.scored_at is null or l.scored_at < l.facts_changed_at) and l.merged_into is null
   and not exists (select 1 from app.on_hold h where h.org_id = l.org_id and h.stage = 'scoring' and h.item = l.id::text);
comment on view app.scoring_due is 'Leads with facts newer than their score.';
