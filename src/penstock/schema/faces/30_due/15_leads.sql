create view app.promotion_due with (security_invoker = true) as
select r.org_id, r.id as raw_load_id, r.created_at from app.raw_loads r
 where r.status = 'waiting' and not exists (select 1 from app.on_hold h where h.org_id = r.org_id and h.stage = 'intake.promotion' and h.item = r.id::text);
comment on view app.promotion_due is 'Raw loads to be promoted.';
create view app.unled_slots_due with (security_invoker = true) as
select s.org_id, s.id as slot_id, s.company_id, s.contact_id, s.role_code from app.company_slots s
 where s.contact_id is not null and s.lead_id is null
   and not exists (select 1 from app.on_hold h where h.org_id = s.org_id and h.stage = 'intake.leads' and h.item = s.id::text);
comment on view app.unled_slots_due is 'Slots whose holder is nobody''s lead yet.';
