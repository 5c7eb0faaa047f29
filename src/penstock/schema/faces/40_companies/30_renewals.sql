-- When a company renews, when its window opens, and who may be written to then.

-- The day is worked out once, not once per company.
create view company.vw_next_renewal with (security_invoker = true) as
with day as materialized (select o.id as org_id, (app.now() at time zone o.timezone)::date as today from app.orgs o where o.id = (select app.current_org()))
select c.id as company_id, c.name as company_name, c.renewal_month, c.renewal_notice_window_days, n.next_renewal_date, n.next_renewal_date - c.renewal_notice_window_days as campaign_window_start
  from app.companies c
  join day t on t.org_id = c.org_id
 cross join lateral (
       select make_date(extract(year from t.today)::int + case when make_date(extract(year from t.today)::int, c.renewal_month, 1) < t.today then 1 else 0 end, c.renewal_month, 1) as next_renewal_date) n
 where c.org_id = (select app.current_org()) and c.renewal_month is not null and c.merged_into is null;
comment on view company.vw_next_renewal is 'The next first of the renewal month, today included, and the day its window opens; days are the organisation''s.';

create view company.vw_due_renewals_ready with (security_invoker = true) as
select r.company_id, r.company_name, r.next_renewal_date, r.campaign_window_start, true as has_green_contact
  from company.vw_next_renewal r
 cross join lateral (select (app.now() at time zone o.timezone)::date as today from app.orgs o where o.id = (select app.current_org())) t
 where r.campaign_window_start <= t.today
   and exists (select 1 from app.company_slots s join app.contact_points p on p.org_id = s.org_id and p.contact_id = s.contact_id and p.is_primary and p.status = 'green'
                where s.org_id = (select app.current_org()) and s.company_id = r.company_id);
comment on view company.vw_due_renewals_ready is 'Companies inside their window with a green contact in a slot: whom a campaign may write to.';
