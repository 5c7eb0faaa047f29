-- How promising a person at a company is: how near the renewal (40, falling by a day over the window), how many people the plan covers (30, full at
-- 200), and what was seen of the company in ninety days (10 each for new money, new people in office, open posts). Nothing about the person.
select l.id as lead_id,
       cast(least(100, greatest(0, round(
           coalesce(case when r.campaign_window_start <= t.today
                         then 40 * (1 - greatest(r.next_renewal_date - t.today, 0)::numeric / greatest(c.renewal_notice_window_days, 1) / 2) else 5 end, 0)
         + 30 * least(coalesce(c.employees, 20) / 200.0, 1)
         + 10 * least((select count(distinct s.reason) from app.signals s
                        where s.org_id = l.org_id and s.company_id = l.company_id and s.reason in ('funding_raised', 'executive_movement', 'job_postings')
                          and s.created_at > app.now() - interval '90 days'), 3)))) as int) as lead_score
  from app.leads l
  join app.companies c on c.org_id = l.org_id and c.id = l.company_id
 cross join lateral (select (app.now() at time zone o.timezone)::date as today from app.orgs o where o.id = l.org_id) t
  left join company.vw_next_renewal r on r.company_id = c.id
 where l.id = any(cast(:lead_ids as uuid[]))
