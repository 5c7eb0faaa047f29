-- Checked is what somebody may still be reached by: a point whose contact has no working lead any more costs nothing. A point is due when nobody has
-- looked at it, or when the clock says so: the next check of its chain at once, a re-check later. (Two views, because each has an index in
-- the order in which it is read; over both at once there is none.)
create view app.unchecked_points with (security_invoker = true) as
select p.org_id, p.id as contact_point_id, p.contact_id, p.kind, p.value, p.added_at, p.check_step, l.id as lead_id, l.playbook
  from app.contact_points p
 cross join lateral (
       select l.id, l.playbook from app.leads l
        where l.org_id = p.org_id and l.contact_id = p.contact_id and l.merged_into is null and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused')
        order by l.first_seen_at, l.id limit 1) l
 where p.verified_at is null and p.check_due_at is null and not p.is_invalid and p.value ~ '^s[0-9]+\.'
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'verification' and h.item = p.id::text);
comment on view app.unchecked_points is 'Sealed contact points that no check has looked at, each with the lead it is paid for.';

create view app.rechecks_due with (security_invoker = true) as
select p.org_id, p.id as contact_point_id, p.contact_id, p.kind, p.value, p.added_at, p.check_due_at, p.check_step, l.id as lead_id, l.playbook
  from app.contact_points p
 cross join lateral (
       select l.id, l.playbook from app.leads l
        where l.org_id = p.org_id and l.contact_id = p.contact_id and l.merged_into is null and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused')
        order by l.first_seen_at, l.id limit 1) l
 where p.check_due_at is not null and p.check_due_at <= app.now() and not p.is_invalid and p.value ~ '^s[0-9]+\.'
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'verification' and h.item = p.id::text);
comment on view app.rechecks_due is 'Sealed contact points whose next check has come, by the clock.';

-- People who are nobody's lead and hold no slot, but may come to: at a company, or written by hand. Of them the primary email is checked, so that
-- the better verified of two candidates can be told. No playbook: the only one about companies.
create view app.unled_people with (security_invoker = true) as
select c.org_id, c.id as contact_id, co.playbook
  from app.contacts c
  left join app.companies co on co.org_id = c.org_id and co.id = c.company_id
 where c.owner_key like 'contact:%' and c.kind = 'person' and c.merged_into is null and c.left_company_at is null and not c.is_deceased and not c.is_litigator and c.needs_review_since is null
   and not exists (select 1 from app.leads l where l.org_id = c.org_id and l.contact_id = c.id)
   and not exists (select 1 from app.company_slots s where s.org_id = c.org_id and s.contact_id = c.id)
   and not exists (select 1 from app.suppressed_contacts x where x.org_id = c.org_id and x.contact_id = c.id);
comment on view app.unled_people is 'People at companies, or written by hand, who are nobody''s lead and hold no slot.';

create view app.unled_points with (security_invoker = true) as
select p.org_id, p.id as contact_point_id, p.contact_id, p.kind, p.value, p.added_at, p.check_due_at, p.check_step, u.playbook
  from app.contact_points p join app.unled_people u on u.org_id = p.org_id and u.contact_id = p.contact_id
 where p.is_primary and not p.is_invalid and p.value ~ '^s[0-9]+\.' and ((p.verified_at is null and p.check_due_at is null) or p.check_due_at <= app.now())
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'verification' and h.item = p.id::text);
comment on view app.unled_points is 'Sealed primary emails of people who are nobody''s lead, whose next check is due.';

create view app.verification_due with (security_invoker = true) as
select org_id, contact_point_id, contact_id, kind, value, added_at, check_step, lead_id, playbook from app.unchecked_points
union all
select org_id, contact_point_id, contact_id, kind, value, added_at, check_step, lead_id, playbook from app.rechecks_due
union all
select org_id, contact_point_id, contact_id, kind, value, added_at, check_step, null, playbook from app.unled_points;
comment on view app.verification_due is 'All contact points whose next check is due.';
