-- A company as one row, and its slots.

-- What intake takes as an EIN (identity.clean_ein), and nothing else.
create function company.clean_ein(ein text) returns text language plpgsql immutable set search_path = pg_catalog as $$
declare
  written text := regexp_replace(regexp_replace(btrim($1, E' \t\n\r'), '^(ein|fein|tin)?\s*:?\s*', '', 'i'), '\.0$', '');
  digits text := regexp_replace(written, '[^0-9]', '', 'g');
begin
  if btrim($1, ' -0.') = '' and length(btrim($1)) <> 9 then
    return null;
  end if;
  if length(digits) <> 9 or written ~ '[^0-9[:space:]-]' then
    raise exception 'EIN % is not nine digits', $1 using errcode = 'PS006', hint = 'write it as 12-3456789';
  end if;
  if digits ~ '^(.)\1{8}$' or left(digits, 2) in ('00', '07', '08', '09', '17', '18', '19', '28', '29', '49', '69', '70', '78', '79', '89', '96') then
    raise exception 'EIN % is none that was ever given out', $1 using errcode = 'PS006', hint = 'look it up, or leave it out: null';
  end if;
  return digits;
end $$;
comment on function company.clean_ein(text) is 'An EIN as nine digits. Raises PS006 where it is not one.';

create view company.company with (security_invoker = true) as
select c.id as company_id, c.name as company_name, substr(c.ein, 1, 2) || '-' || substr(c.ein, 3) as ein,
       site.url as website_url, linked.url as linkedin_url, news.url as news_url,
       c.address_line1, c.address_line2, c.city, c.state as state_region, c.postal_code, c.country, c.renewal_month, c.renewal_notice_window_days,
       c.created_at, c.updated_at, site.last_checked_at as last_site_checked_at, linked.last_checked_at as last_linkedin_checked_at, news.last_checked_at as last_news_checked_at
  from app.companies c
  left join app.pages site on site.org_id = c.org_id and site.company_id = c.id and site.url_type = 'website'
  left join app.pages linked on linked.org_id = c.org_id and linked.company_id = c.id and linked.url_type = 'linkedin'
  left join app.pages news on news.org_id = c.org_id and news.company_id = c.id and news.url_type = 'news'
 where c.org_id = (select app.current_org()) and c.merged_into is null;
comment on view company.company is 'Companies with their renewal and what is watched of them. Writing here is writing to the engine.';
alter view company.company alter column renewal_notice_window_days set default 120;

create function company.set_page(company bigint, kind text, address text, checked timestamptz) returns void language plpgsql set search_path = pg_catalog as $$
begin
  if nullif(btrim(address), '') is null then
    delete from app.pages p where p.org_id = (select app.current_org()) and p.company_id = company and p.url_type = kind;
    return;
  end if;
  insert into app.pages as p (company_id, url_type, url, last_checked_at) values (company, kind, btrim(address), checked)
  on conflict (org_id, company_id, url_type) where company_id is not null do update
     set url = excluded.url, last_checked_at = excluded.last_checked_at
   where (p.url, p.last_checked_at) is distinct from (excluded.url, excluded.last_checked_at);
end $$;
comment on function company.set_page(bigint, text, text, timestamptz) is 'Sets what is watched of a company, and when it was last read; no address: nothing is.';

create function company.checked(url_before text, url text, at_before timestamptz, at timestamptz) returns timestamptz language sql immutable set search_path = pg_catalog as $$
  select case when btrim(url) is distinct from url_before and at is not distinct from at_before then null else at end
$$;
comment on function company.checked(text, text, timestamptz, timestamptz) is 'When an address was last read: never, where it is another one than before and nobody says otherwise.';

create function company.change_company() returns trigger language plpgsql set search_path = pg_catalog as $$
declare clean text; other bigint;
begin
  if tg_op = 'DELETE' then
    begin
      delete from app.companies c where c.org_id = (select app.current_org()) and c.id = old.company_id;
    exception when foreign_key_violation then
      raise exception 'a company with people, leads or a history is not deleted' using errcode = 'PS009', hint = 'leave it: empty its slots, and set renewal_month to null so that no window opens';
    end;
    return old;
  end if;
  if nullif(btrim(new.company_name), '') is null then
    raise exception 'a company needs a company_name' using errcode = 'PS006', hint = 'write the name as people say it';
  end if;
  if new.renewal_notice_window_days not between 0 and 3660 then
    raise exception 'renewal_notice_window_days % is no window', new.renewal_notice_window_days using errcode = 'PS006', hint = 'days before the renewal, 0 to 3660';
  end if;
  if new.renewal_month not between 1 and 12 then
    raise exception 'renewal_month % is no month', new.renewal_month using errcode = 'PS006', hint = 'a month is 1 to 12';
  end if;
  clean := case when tg_op = 'UPDATE' and new.ein is not distinct from old.ein then replace(old.ein, '-', '') else company.clean_ein(new.ein) end;
  new.ein := substr(clean, 1, 2) || '-' || substr(clean, 3);
  new.renewal_notice_window_days := coalesce(new.renewal_notice_window_days, 120);
  if clean is not null and (tg_op = 'INSERT' or new.ein is distinct from old.ein) then   -- who writes the same now waits here
    perform pg_advisory_xact_lock(hashtextextended('ein:' || app.current_org() || ':' || clean, 0));
    select c.id into other from app.companies c where c.org_id = (select app.current_org()) and c.ein = clean and c.merged_into is null and c.id is distinct from new.company_id;
    if found then
      raise exception 'EIN % is that of company %', new.ein, other using errcode = 'PS006', hint = 'update that company, or leave the ein out: null';
    end if;
  end if;
  if tg_op = 'INSERT' then
    new.company_id := coalesce(new.company_id, nextval('company.company_company_id_seq'));
    insert into app.companies (id, name, ein, address_line1, address_line2, city, state, postal_code, country, renewal_month, renewal_notice_window_days, created_at)
    values (new.company_id, new.company_name, clean, new.address_line1, new.address_line2, new.city, new.state_region, new.postal_code, new.country, new.renewal_month,
            new.renewal_notice_window_days, coalesce(new.created_at, app.now()))
    returning created_at, updated_at into new.created_at, new.updated_at;
  else
    if new.company_id <> old.company_id then
      raise exception 'a company keeps its company_id' using errcode = 'PS006', hint = 'leave company_id as it is';
    end if;
    update app.companies c
       set name = new.company_name, ein = clean, address_line1 = new.address_line1, address_line2 = new.address_line2, city = new.city, state = new.state_region, postal_code = new.postal_code,
           country = new.country, renewal_month = new.renewal_month, renewal_notice_window_days = new.renewal_notice_window_days,
           keys_at = case when (c.name, c.state) is distinct from (new.company_name, new.state_region) or (old.website_url, old.linkedin_url) is distinct from (new.website_url, new.linkedin_url) then null else c.keys_at end
     where c.org_id = (select app.current_org()) and c.id = old.company_id
       and (c.name, c.ein, c.address_line1, c.address_line2, c.city, c.state, c.postal_code, c.country, c.renewal_month, c.renewal_notice_window_days, old.website_url, old.linkedin_url)
           is distinct from (new.company_name, clean, new.address_line1, new.address_line2, new.city, new.state_region, new.postal_code, new.country, new.renewal_month,
                             new.renewal_notice_window_days, new.website_url, new.linkedin_url);
  end if;
  if tg_op = 'INSERT' or (new.website_url, new.last_site_checked_at) is distinct from (old.website_url, old.last_site_checked_at) then
    perform company.set_page(new.company_id, 'website', new.website_url, case when tg_op = 'UPDATE' then company.checked(old.website_url, new.website_url, old.last_site_checked_at, new.last_site_checked_at) else new.last_site_checked_at end);
  end if;
  if tg_op = 'INSERT' or (new.linkedin_url, new.last_linkedin_checked_at) is distinct from (old.linkedin_url, old.last_linkedin_checked_at) then
    perform company.set_page(new.company_id, 'linkedin', new.linkedin_url, case when tg_op = 'UPDATE' then company.checked(old.linkedin_url, new.linkedin_url, old.last_linkedin_checked_at, new.last_linkedin_checked_at) else new.last_linkedin_checked_at end);
  end if;
  if tg_op = 'INSERT' or (new.news_url, new.last_news_checked_at) is distinct from (old.news_url, old.last_news_checked_at) then
    perform company.set_page(new.company_id, 'news', new.news_url, case when tg_op = 'UPDATE' then company.checked(old.news_url, new.news_url, old.last_news_checked_at, new.last_news_checked_at) else new.last_news_checked_at end);
  end if;
  return new;
end $$;
create trigger trg_change_company instead of insert or update or delete on company.company for each row execute function company.change_company();

create view company.company_slot with (security_invoker = true) as
select id as company_slot_id, company_id, role_code, contact_id, created_at, updated_at from app.company_slots where org_id = (select app.current_org());
comment on view company.company_slot is 'The three slots of every company. They are made with it: inserting one again fills it.';

create view company.vw_company_slots with (security_invoker = true) as
select c.id as company_id, c.name as company_name, s.id as company_slot_id, s.role_code, s.contact_id, p.full_name, p.title, e.value as email, t.value as phone, profile.url as profile_source_url,
       e.status as email_status, e.verified_at as email_checked_at, site.url as website_url, linked.url as linkedin_url, news.url as news_url
  from app.companies c
  join app.company_slots s on s.org_id = c.org_id and s.company_id = c.id
  left join app.contacts p on p.org_id = s.org_id and p.id = s.contact_id
  left join app.contact_points e on e.org_id = s.org_id and e.contact_id = s.contact_id and e.is_primary
  left join lateral (select x.value from app.contact_points x where x.org_id = s.org_id and x.contact_id = s.contact_id and x.kind = 'phone' and not x.is_invalid order by x.verified desc, x.score desc nulls last, x.id limit 1) t on true
  left join app.pages profile on profile.org_id = s.org_id and profile.contact_id = s.contact_id and profile.url_type = 'profile'
  left join app.pages site on site.org_id = c.org_id and site.company_id = c.id and site.url_type = 'website'
  left join app.pages linked on linked.org_id = c.org_id and linked.company_id = c.id and linked.url_type = 'linkedin'
  left join app.pages news on news.org_id = c.org_id and news.company_id = c.id and news.url_type = 'news'
 where c.org_id = (select app.current_org()) and c.merged_into is null;
comment on view company.vw_company_slots is 'Company, slot, who holds it, and the state of that person''s email, in one row.';

create view company.next_company_urls_30d with (security_invoker = true) as
select company_id, url_type, url, last_checked_at
  from app.pages
 where org_id = (select app.current_org()) and company_id is not null and coalesce(last_checked_at, '-infinity'::timestamptz) <= app.now() - interval '30 days'
 order by coalesce(last_checked_at, '-infinity'::timestamptz), id;
comment on view company.next_company_urls_30d is 'Addresses of companies to be read: never read first, then the longest ago. An address leaves when its time is set.';
