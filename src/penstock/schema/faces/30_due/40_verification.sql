-- Checked is what somebody may still be reached by: a point whose contact has no working lead costs nothing. A point is due when nobody has
-- looked at it, or when the clock says so: the next check of its chain at once, a re-check later. (The first kind stands at step 0 as a
-- constant, so that who looks for a later step need not read a million of them.)
create view app.verification_due with (security_invoker = true) as
select p.org_id, p.id as contact_point_id, p.contact_id, p.kind, p.value, p.added_at, p.check_step, l.id as lead_id, l.playbook
  from (select n.org_id, n.id, n.contact_id, n.kind, n.value, n.added_at, 0 as check_step
          from app.contact_points n where n.verified_at is null and n.check_due_at is null and not n.is_invalid
        union all
        select r.org_id, r.id, r.contact_id, r.kind, r.value, r.added_at, r.check_step
          from app.contact_points r where r.check_due_at is not null and r.check_due_at <= app.now() and not r.is_invalid) p
 cross join lateral (
       select l.id, l.playbook from app.leads l
        where l.org_id = p.org_id and l.contact_id = p.contact_id and l.merged_into is null and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused')
        order by l.first_seen_at, l.id limit 1) l
 where p.value ~ '^s[0-9]+\.'
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'verification' and h.item = p.id::text);
comment on view app.verification_due is 'Sealed contact points whose next check is due, each with the lead it is paid for.';
