-- Companies that give a campaign nobody, by why. Counted where a campaign comes to nobody.
select g.reason, count(*) as companies
  from app.companies c
  join app.orgs o on o.id = c.org_id
  left join company.vw_next_renewal r on r.company_id = c.id
 cross join lateral (
       select case when c.renewal_month is null then 'no renewal month'
                   when r.campaign_window_start > (app.now() at time zone o.timezone)::date then 'outside their window'
                   when not exists (select 1 from app.company_slots s where s.org_id = c.org_id and s.company_id = c.id and s.contact_id is not null) then 'in their window, every slot vacant'
                   when not exists (select 1 from app.company_slots s join app.contact_points p on p.org_id = s.org_id and p.contact_id = s.contact_id and p.is_primary and p.status = 'green' and not p.is_invalid
                                     where s.org_id = c.org_id and s.company_id = c.id) then 'in their window, without a green email' end as reason) g
 where c.org_id = (select app.current_org()) and c.merged_into is null and g.reason is not null
 group by g.reason order by companies desc, g.reason
