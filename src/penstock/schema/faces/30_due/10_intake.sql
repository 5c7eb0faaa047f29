create view app.intake_due with (security_invoker = true) as
select u.org_id, u.id as upload_id, u.created_at from app.uploads u
 where u.state = 'received' and not exists (select 1 from app.on_hold h where h.org_id = u.org_id and h.stage = 'intake' and h.item = u.id::text);
comment on view app.intake_due is 'Uploads to be merged.';
