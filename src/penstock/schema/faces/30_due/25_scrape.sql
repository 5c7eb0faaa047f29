-- What a worker holds is not due for another; a lease that ran out is. In two halves, each with the index that holds its due ones first.
create view app.scrape_due with (security_invoker = true) as
select p.org_id, p.id as page_id, p.company_id, p.contact_id, p.url_type, p.url, p.last_checked_at
  from app.pages p
 where p.company_id is not null and coalesce(p.last_checked_at, '-infinity'::timestamptz) <= app.now() - interval '30 days' and (p.leased_until is null or p.leased_until <= app.now())
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'scrape' and h.item = p.id::text)
union all
select p.org_id, p.id, p.company_id, p.contact_id, p.url_type, p.url, p.last_checked_at
  from app.pages p
 where p.contact_id is not null and coalesce(p.last_checked_at, '-infinity'::timestamptz) <= app.now() - interval '30 days' and (p.leased_until is null or p.leased_until <= app.now())
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'scrape' and h.item = p.id::text);
comment on view app.scrape_due is 'Pages to be read that nobody reads now.';
