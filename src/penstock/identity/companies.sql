-- The merge of staged rows about companies, in sets. `companies_in` holds the rows as cleaned (their people as JSON), `placed_companies`
-- what the cascade made of each, `claimed_companies` the keys of each company of the run, `seen_companies` its id and whether the run says
-- anything new of it. "Later non-empty values win": a company's rows are first folded into its first row.

-- name: one_at_a_time
select pg_advisory_xact_lock(hashtextextended('identity.companies', cast(:org_id as int)));

-- name: more_memory
select set_config('work_mem', '64MB', true);

-- name: drop_companies
drop table if exists companies_in, placed_companies, claimed_companies, seen_companies;

-- name: open_companies
create temp table companies_in (
  row_number int not null, name text, ein text, domain text, linkedin_key text, name_key text, other_name_key text,
  address_line1 text, address_line2 text, city text, state text, postal_code text, country text, main_phone text, employees int, revenue numeric, industry text, facts jsonb,
  renewal_month int, renewal_notice_window_days int, website_url text, linkedin_url text, news_url text, people text
) on commit drop;

-- name: open_placed_companies
create temp table placed_companies (row_number int not null, place int not null, outcome text not null, first_row int not null) on commit drop;

-- name: open_claimed_companies
create temp table claimed_companies (place int not null, first_row int not null, is_new boolean not null, company_id bigint, ein text, domain text, linkedin_key text, name_key text, other_name_key text) on commit drop;

-- name: analyze_companies
analyze companies_in;

-- name: known_companies
-- Every living company that holds any key of the rows, with all its keys.
with names as (select name_key as key from companies_in where name_key is not null union select other_name_key from companies_in where other_name_key is not null), held as (
  select c.id from companies_in i join app.companies c on c.ein = i.ein where c.merged_into is null
  union
  select c.id from companies_in i join app.companies c on c.domain = i.domain where c.merged_into is null
  union
  select c.id from companies_in i join app.companies c on c.linkedin_key = i.linkedin_key where c.merged_into is null
  union
  select c.id from names n join app.companies c on c.name_key = n.key where c.merged_into is null
  union
  select c.id from names n join app.companies c on c.other_name_key = n.key where c.other_name_key is not null and c.merged_into is null
)
select c.id, c.ein, c.domain, c.linkedin_key, c.name_key, c.other_name_key from held h join app.companies c on c.id = h.id order by c.id;

-- name: company_keys
select row_number, ein, domain, linkedin_key, name_key, other_name_key from companies_in;

-- name: analyze_placed
analyze placed_companies;

-- name: analyze_claimed
analyze claimed_companies;

-- name: fold_repeated
-- Companies with several rows: the later non-empty value of each fact; an address is taken from one row.
with lines as (
  select i.*, d.first_row from placed_companies d join companies_in i on i.row_number = d.row_number
   where d.place in (select place from placed_companies where outcome = 'duplicate_in_file')
), folded as (
  select first_row,
         (array_agg(name order by row_number desc) filter (where name is not null))[1] as name,
         max(row_number) filter (where address_line1 is not null) as address_row,
         (array_agg(city order by row_number desc) filter (where city is not null))[1] as city,
         (array_agg(state order by row_number desc) filter (where state is not null))[1] as state,
         (array_agg(postal_code order by row_number desc) filter (where postal_code is not null))[1] as postal_code,
         (array_agg(country order by row_number desc) filter (where country is not null))[1] as country,
         (array_agg(main_phone order by row_number desc) filter (where main_phone is not null))[1] as main_phone,
         (array_agg(employees order by row_number desc) filter (where employees is not null))[1] as employees,
         (array_agg(revenue order by row_number desc) filter (where revenue is not null))[1] as revenue,
         (array_agg(industry order by row_number desc) filter (where industry is not null))[1] as industry,
         (array_agg(renewal_month order by row_number desc) filter (where renewal_month is not null))[1] as renewal_month,
         (array_agg(renewal_notice_window_days order by row_number desc) filter (where renewal_notice_window_days is not null))[1] as renewal_notice_window_days,
         (array_agg(website_url order by row_number desc) filter (where website_url is not null))[1] as website_url,
         (array_agg(linkedin_url order by row_number desc) filter (where linkedin_url is not null))[1] as linkedin_url,
         (array_agg(news_url order by row_number desc) filter (where news_url is not null))[1] as news_url
    from lines group by first_row
), facts as (
  select first_row, jsonb_object_agg(e.key, e.value order by row_number) as facts from lines cross join lateral jsonb_each(facts) e group by first_row
)
update companies_in i
   set name = f.name, address_line1 = a.address_line1, address_line2 = a.address_line2, city = coalesce(a.city, f.city), state = coalesce(a.state, f.state),
       postal_code = coalesce(a.postal_code, f.postal_code), country = f.country, main_phone = f.main_phone, employees = f.employees, revenue = f.revenue, industry = f.industry, facts = x.facts,
       renewal_month = f.renewal_month, renewal_notice_window_days = f.renewal_notice_window_days, website_url = f.website_url, linkedin_url = f.linkedin_url, news_url = f.news_url
  from folded f left join companies_in a on a.row_number = f.address_row left join facts x on x.first_row = f.first_row
 where i.row_number = f.first_row;

-- name: make_seen
-- What the run says of each company, as one hash: a company of which nothing new is said costs one narrow write.
create temp table seen_companies on commit drop as
select n.*, s.content_hash is distinct from n.content_hash as changed
  from (select c.place, c.first_row, c.is_new, coalesce(c.company_id, nextval('company.company_company_id_seq')) as company_id, c.ein, c.domain, c.linkedin_key, c.name_key, c.other_name_key,
               encode(sha256(convert_to(cast(row(cast(:playbook as text), c.ein, c.domain, c.linkedin_key, c.name_key, c.other_name_key, i.name, i.address_line1, i.address_line2, i.city, i.state, i.postal_code, i.country,
                 i.main_phone, i.employees, i.revenue, i.industry, i.facts, i.renewal_month, i.renewal_notice_window_days, i.website_url, i.linkedin_url, i.news_url) as text), 'UTF8')), 'hex') as content_hash
          from (select * from claimed_companies order by ein, place) c join companies_in i on i.row_number = c.first_row) n
  left join app.company_seen s on s.company_id = n.company_id;

-- name: analyze_seen
analyze seen_companies;

-- name: insert_companies
insert into app.companies (org_id, id, playbook, name, ein, domain, linkedin_key, name_key, other_name_key, keys_at, address_line1, address_line2, city, state, postal_code, country, main_phone,
       employees, revenue, industry, facts, renewal_month, renewal_notice_window_days, source, upload_id, row_number, created_at, updated_at)
select cast(:org_id as int), t.company_id, cast(:playbook as text), i.name, t.ein, t.domain, t.linkedin_key, t.name_key, t.other_name_key, app.now(), i.address_line1, i.address_line2, i.city, i.state, i.postal_code, i.country, i.main_phone,
       i.employees, i.revenue, i.industry, coalesce(i.facts, '{}'), i.renewal_month, coalesce(i.renewal_notice_window_days, 120), cast(:source as text), cast(:upload_id as uuid), case when cast(:upload_id as uuid) is not null then i.row_number end, app.now(), app.now()
  from seen_companies t join companies_in i on i.row_number = t.first_row
 where t.is_new
 order by t.company_id;

-- name: update_companies
with merged as (
  select c.id, coalesce(c.playbook, cast(:playbook as text)) as playbook, coalesce(i.name, c.name) as name, t.ein, t.domain, t.linkedin_key, t.name_key, t.other_name_key,
         case when x.moves then i.address_line1 else c.address_line1 end as address_line1, case when x.moves then i.address_line2 else c.address_line2 end as address_line2,
         case when x.moves then coalesce(i.city, c.city) else coalesce(c.city, i.city) end as city, case when x.moves then coalesce(i.state, c.state) else coalesce(c.state, i.state) end as state,
         case when x.moves then coalesce(i.postal_code, c.postal_code) else coalesce(c.postal_code, i.postal_code) end as postal_code,
         coalesce(i.country, c.country) as country, coalesce(i.main_phone, c.main_phone) as main_phone, coalesce(i.employees, c.employees) as employees, coalesce(i.revenue, c.revenue) as revenue,
         coalesce(i.industry, c.industry) as industry, c.facts || coalesce(i.facts, '{}') as facts, coalesce(i.renewal_month, c.renewal_month) as renewal_month,
         coalesce(i.renewal_notice_window_days, c.renewal_notice_window_days) as renewal_notice_window_days
    from seen_companies t join companies_in i on i.row_number = t.first_row join app.companies c on c.id = t.company_id
   cross join lateral (select i.address_line1 is not null as moves) x
   where t.changed and not t.is_new
)
update app.companies c
   set playbook = m.playbook, name = m.name, ein = m.ein, domain = m.domain, linkedin_key = m.linkedin_key, name_key = m.name_key, other_name_key = m.other_name_key,
       address_line1 = m.address_line1, address_line2 = m.address_line2, city = m.city, state = m.state, postal_code = m.postal_code, country = m.country, main_phone = m.main_phone, employees = m.employees,
       revenue = m.revenue, industry = m.industry, facts = m.facts, renewal_month = m.renewal_month, renewal_notice_window_days = m.renewal_notice_window_days
  from merged m
 where c.id = m.id
   and (c.playbook, c.name, c.ein, c.domain, c.linkedin_key, c.name_key, c.other_name_key, c.address_line1, c.address_line2, c.city, c.state, c.postal_code, c.country, c.main_phone, c.employees, c.revenue,
        c.industry, c.facts, c.renewal_month, c.renewal_notice_window_days)
       is distinct from
       (m.playbook, m.name, m.ein, m.domain, m.linkedin_key, m.name_key, m.other_name_key, m.address_line1, m.address_line2, m.city, m.state, m.postal_code, m.country, m.main_phone, m.employees, m.revenue,
        m.industry, m.facts, m.renewal_month, m.renewal_notice_window_days);

-- name: see_companies
insert into app.company_seen as s (org_id, company_id, first_seen_at, last_seen_at, content_hash)
select cast(:org_id as int), company_id, app.now(), app.now(), content_hash from seen_companies order by company_id
on conflict (org_id, company_id) do update
   set last_seen_at = excluded.last_seen_at, times_seen = s.times_seen + 1, content_hash = excluded.content_hash;

-- name: watch_pages
-- An address that is only spelled otherwise (scheme, www, last slash) is the page that we know, read or not.
insert into app.pages as p (org_id, company_id, url_type, url, created_at)
select cast(:org_id as int), t.company_id, v.url_type, v.url, app.now()
  from seen_companies t join companies_in i on i.row_number = t.first_row
 cross join lateral (values ('website', i.website_url), ('linkedin', i.linkedin_url), ('news', i.news_url)) v(url_type, url)
 where v.url is not null and t.changed
 order by t.company_id, v.url_type
on conflict (org_id, company_id, url_type) where company_id is not null do update
   set url = excluded.url, last_checked_at = null, etag = null, last_modified = null, content_hash = null, outcome = null, last_error = null, failures = 0
 where lower(regexp_replace(p.url, '^https?://(www\.)?|/+$', '', 'g')) <> lower(regexp_replace(excluded.url, '^https?://(www\.)?|/+$', '', 'g'));

-- name: stage_people
insert into people_in (n, row_number, company_id, source, full_name, first_name, last_name, title, slot, rank, name_key, profile_key, profile_url, email, email_is_shared, phone, phone_type)
select row_number() over (order by i.row_number, e.n), i.row_number, t.company_id, cast(:source as text),
       e.p ->> 0, e.p ->> 1, e.p ->> 2, e.p ->> 3, e.p ->> 4, cast(e.p ->> 5 as int), e.p ->> 6, e.p ->> 7, e.p ->> 8, e.p ->> 9, cast(e.p ->> 10 as boolean), e.p ->> 11, e.p ->> 12
  from companies_in i
  join placed_companies d on d.row_number = i.row_number
  join seen_companies t on t.place = d.place
 cross join lateral jsonb_array_elements(cast(i.people as jsonb)) with ordinality e(p, n)
 where i.people is not null;

-- name: drop_outcomes
drop table if exists company_outcomes;

-- name: make_outcomes
-- A row that made a company or a person is new; one that met either for the first time in this run is an update.
create temp table company_outcomes on commit drop as
select d.row_number, t.company_id, p.contact_id, d.first_row,
       case when 'inserted' in (d.outcome, p.best) then 'inserted' when 'updated' in (d.outcome, p.best) then 'updated' else 'duplicate_in_file' end as outcome
  from placed_companies d join seen_companies t on t.place = d.place
  left join (select i.row_number, (array_agg(s.contact_id order by i.n))[1] as contact_id,
                    case when bool_or(q.outcome = 'inserted') then 'inserted' when bool_or(q.outcome = 'updated') then 'updated' else 'duplicate_in_file' end as best
               from people_in i join people_placed q on q.n = i.n join persons s on s.place = q.place group by i.row_number) p on p.row_number = d.row_number;

-- name: write_outcomes
insert into app.upload_rows (org_id, upload_id, row_number, outcome, company_id, contact_id, first_row)
select cast(:org_id as int), cast(:upload_id as uuid), row_number, outcome, company_id, contact_id, case when outcome = 'duplicate_in_file' then first_row end from company_outcomes;

-- name: outcomes
select row_number, outcome, company_id, contact_id from company_outcomes order by row_number;

-- name: counts
select count(*) filter (where outcome = 'inserted') as inserted, count(*) filter (where outcome = 'updated') as updated, count(*) filter (where outcome = 'duplicate_in_file') as duplicate_in_file,
       (select count(*) from seen_companies where is_new) as companies, (select count(*) from persons where is_new) as people
  from company_outcomes;

-- name: without_keys
-- Companies that somebody wrote by hand since their keys were made.
select c.id, c.name, c.state, c.domain, c.linkedin_key, site.url as website, linked.url as linkedin
  from app.companies c
  left join app.pages site on site.company_id = c.id and site.url_type = 'website'
  left join app.pages linked on linked.company_id = c.id and linked.url_type = 'linkedin'
 where c.keys_at is null and c.merged_into is null
 order by c.id limit :limit for update of c;

-- name: set_keys
-- A key that another company holds stays with that one.
update app.companies c
   set domain = case when not exists (select 1 from app.companies o where o.domain = cast(:domain as text) and o.id <> c.id and o.merged_into is null) then cast(:domain as text) end,
       linkedin_key = case when not exists (select 1 from app.companies o where o.linkedin_key = cast(:linkedin as text) and o.id <> c.id and o.merged_into is null) then cast(:linkedin as text) end,
       name_key = cast(:name_key as text), other_name_key = cast(:other_name_key as text), keys_at = app.now()
 where c.id = :id;
