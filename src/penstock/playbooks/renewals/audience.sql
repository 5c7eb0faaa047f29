-- Who holds an office of a company whose renewal window is open. With a green primary address among them the company stands in
-- company.vw_due_renewals_ready; the engine asks the same of each of them, and says of the others what holds them back.
select r.company_id, s.contact_id, s.role_code
  from company.vw_next_renewal r
  join app.orgs o on o.id = (select app.current_org())
  join app.company_slots s on s.org_id = o.id and s.company_id = r.company_id and s.contact_id is not null
 where r.campaign_window_start <= (app.now() at time zone o.timezone)::date
