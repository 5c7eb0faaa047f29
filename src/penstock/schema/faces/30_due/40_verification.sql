-- Checked is what somebody may still be reached by: a point whose contact has no working lead costs nothing.
create view app.verification_due with (security_invoker = true) as
select p.org_id, p.id as contact_point_id, p.contact_id, p.kind, p.value, p.added_at, l.id as lead_id, l.playbook
  from app.contact_points p
 cross join lateral (
       select l.id, l.playbook from app.leads l
        where l.org_id = p.org_id and l.contact_id = p.contact_id and l.merged_into is null and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused')
        order by l.first_seen_at, l.id limit 1) l
 where p.verified_at is null and not p.is_invalid and p.value ~ '^s[0-9]+\.'
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'verification' and h.item = p.id::text);
comment on view app.verification_due is 'Sealed contact points that no check has looked at, each with the lead it is paid for.';
