-- A person whom a second reading of a page misses too is news again: see app.company_facts.
create view app.signals_due with (security_invoker = true) as
select f.org_id, 'fact:' || f.id as item, f.found_at as since from app.company_facts f
 where (f.read_at is null or (f.kind = 'person_absent' and f.seen_at > f.read_at))
   and not exists (select 1 from app.on_hold h where h.org_id = f.org_id and h.stage = 'signals' and h.item = 'fact:' || f.id)
union all
select s.org_id, 'signal:' || s.id, s.created_at from app.signals s
 where s.processed_at is null and not exists (select 1 from app.on_hold h where h.org_id = s.org_id and h.stage = 'signals' and h.item = 'signal:' || s.id);
comment on view app.signals_due is 'Facts that no rule has looked at, and signals that nothing has acted on.';
