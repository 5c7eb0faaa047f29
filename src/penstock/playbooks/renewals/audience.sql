-- Who holds an office of a company whose renewal window is open. With a green address among them the company stands in
-- company.vw_due_renewals_ready; whose address may be written to is the engine's question.
select r.company_id, s.contact_id, s.role_code
  from company.vw_next_renewal r
  join app.orgs o on o.id = (select app.current_org())
  join app.company_slots s on s.org_id = o.id and s.company_id = r.company_id and s.contact_id is not null
 where r.campaign_window_start <= (app.now() at time zone o.timezone)::date
