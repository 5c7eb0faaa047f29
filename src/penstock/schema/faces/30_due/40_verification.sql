create view app.verification_due with (security_invoker = true) as
select p.org_id, p.id as contact_point_id, p.contact_id, p.kind, p.value, p.added_at
  from app.contact_points p
 where p.verified_at is null and not p.is_invalid and p.value ~ '^s[0-9]+\.'
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'verification' and h.item = p.id::text);
comment on view app.verification_due is 'Sealed contact points that no check has looked at.';
