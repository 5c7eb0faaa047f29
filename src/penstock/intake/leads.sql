-- name: claim
-- Slots whose holder is nobody's lead, with the playbook whose lead that will be: the company's, else the only one there is.
select s.id, s.company_id, s.contact_id, coalesce(c.playbook, cast(:only_playbook as text)) as playbook, c.source, c.upload_id, c.row_number
  from app.company_slots s join app.companies c on c.id = s.company_id
 where s.id in (select slot_id from app.unled_slots_due order by slot_id limit :limit) and s.contact_id is not null and s.lead_id is null
 order by s.id for update of s skip locked;

-- name: open_leads
-- A person has one lead at a company, however often they come and go.
insert into app.leads (org_id, playbook, company_id, contact_id, source, upload_id, row_number, first_seen_at, last_seen_at, facts_changed_at, updated_at)
select cast(:org_id as int), n.playbook, c.id, n.contact_id, c.source, c.upload_id, c.row_number, app.now(), app.now(), app.now(), app.now()
  from unnest(cast(:slots as bigint[]), cast(:playbooks as text[]), cast(:companies as bigint[]), cast(:contacts as bigint[])) n(slot, playbook, company_id, contact_id)
  join app.companies c on c.id = n.company_id
 order by n.slot
on conflict (org_id, playbook, company_id, contact_id) where company_id is not null and merged_into is null do nothing
returning id;

-- name: link
update app.company_slots s set lead_id = l.id
  from unnest(cast(:slots as bigint[]), cast(:playbooks as text[])) n(slot, playbook), app.leads l
 where s.id = n.slot and l.playbook = n.playbook and l.company_id = s.company_id and l.contact_id = s.contact_id and l.merged_into is null;
