-- name: walk
-- Claims walk an index in its order and stop with the batch. The planner, who cannot know how soon that is, would rather sort all that is due.
select set_config('enable_sort', :sort, true), set_config('enable_bitmapscan', :sort, true);

-- name: claim_company_pages
-- Pages of companies that were never read, or longest ago, leased to this worker. One page of a company at a time: they stand on one host.
-- What is due is what app.scrape_due says, asked of one type of page in the order of its index and of the locked row itself: another worker may have
-- leased and committed it since this statement began. The other conditions are asked of each row as it comes, so that the walk ends with the batch.
with due as (
  select d.org_id, d.id
    from (select p.org_id, p.id, p.company_id, p.contact_id from app.pages p
           where p.org_id = cast(:org_id as int) and p.url_type = :url_type and p.company_id is not null
             and coalesce(p.last_checked_at, '-infinity'::timestamptz) <= app.now() - interval '30 days' and (p.leased_until is null or p.leased_until <= app.now())
           order by coalesce(p.last_checked_at, '-infinity'::timestamptz), p.id for update of p skip locked) d
   where (select true from app.on_hold h where h.org_id = d.org_id and h.stage = 'scrape' and h.item = d.id::text) is null
     and (select case when c.merged_into is null then coalesce(c.playbook, cast(:only as text)) end from app.companies c where c.org_id = d.org_id and c.id = d.company_id) = :playbook
     and (select true from app.pages o where o.org_id = d.org_id and o.company_id = d.company_id and o.leased_until > app.now() limit 1) is null
   limit cast(:limit as int)
), leased as (
  update app.pages p set leased_until = app.now() + interval '20 minutes', lease_id = cast(:lease_id as uuid)
    from due where p.org_id = due.org_id and p.id = due.id
  returning p.org_id, p.id, p.company_id, p.url_type, p.url, p.last_checked_at, p.etag, p.last_modified, p.content_hash, p.failures
)
select l.id as page_id, l.company_id, l.url_type, l.url, l.last_checked_at, l.etag, l.last_modified, l.content_hash, l.failures, null::bigint as contact_id, null::text as full_name,
       exists (select 1 from app.pages n where n.org_id = l.org_id and n.company_id = l.company_id and n.url_type = 'news') as has_news_page,
       jsonb_build_array(jsonb_build_object('id', c.id, 'name', c.name, 'linkedin_key', c.linkedin_key)) as companies
  from leased l join app.companies c on c.org_id = l.org_id and c.id = l.company_id
 order by l.id;

-- name: claim_profiles
-- The same for the profiles of people, with the companies at which they are thought to work; who is at none belongs to the only playbook about companies.
with due as (
  select d.org_id, d.id
    from (select p.org_id, p.id, p.company_id, p.contact_id from app.pages p
           where p.org_id = cast(:org_id as int) and p.url_type = :url_type and p.contact_id is not null
             and coalesce(p.last_checked_at, '-infinity'::timestamptz) <= app.now() - interval '30 days' and (p.leased_until is null or p.leased_until <= app.now())
           order by coalesce(p.last_checked_at, '-infinity'::timestamptz), p.id for update of p skip locked) d
   where (select true from app.on_hold h where h.org_id = d.org_id and h.stage = 'scrape' and h.item = d.id::text) is null
     and (select case when t.merged_into is null and c.merged_into is null then coalesce(c.playbook, cast(:only as text)) end from app.contacts t left join app.companies c on c.org_id = t.org_id and c.id = t.company_id
           where t.org_id = d.org_id and t.id = d.contact_id) = :playbook
   limit cast(:limit as int)
), leased as (
  update app.pages p set leased_until = app.now() + interval '20 minutes', lease_id = cast(:lease_id as uuid)
    from due where p.org_id = due.org_id and p.id = due.id
  returning p.org_id, p.id, p.contact_id, p.url_type, p.url, p.last_checked_at, p.etag, p.last_modified, p.content_hash, p.failures
)
select l.id as page_id, t.company_id, l.url_type, l.url, l.last_checked_at, l.etag, l.last_modified, l.content_hash, l.failures, l.contact_id, t.full_name, false as has_news_page,
       (select jsonb_agg(jsonb_build_object('id', c.id, 'name', c.name, 'linkedin_key', c.linkedin_key) order by c.id) from app.companies c
         where c.org_id = l.org_id and c.id = any(array(select s.company_id from app.company_slots s where s.org_id = l.org_id and s.contact_id = l.contact_id union select t.company_id))) as companies
  from leased l join app.contacts t on t.org_id = l.org_id and t.id = l.contact_id
 order by l.id;

-- name: being_read
select exists (select 1 from app.pages where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and leased_until > app.now());

-- name: claim_unanswered
-- Of these pages those whose reading was paid for, or may have been, without an answer.
with leased as (
  update app.pages p set leased_until = app.now() + interval '20 minutes', lease_id = cast(:lease_id as uuid)
   where p.org_id = cast(:org_id as int) and p.id = any(cast(:ids as bigint[])) and (p.leased_until is null or p.leased_until <= app.now())
     and (p.outcome = 'in_doubt' or coalesce(p.last_checked_at, '-infinity'::timestamptz) <= app.now() - interval '30 days')
  returning p.org_id, p.id, p.company_id, p.contact_id, p.url_type, p.url, p.last_checked_at, p.etag, p.last_modified, p.content_hash, p.failures
)
select l.id as page_id, coalesce(l.company_id, t.company_id) as company_id, l.url_type, l.url, l.last_checked_at, l.etag, l.last_modified, l.content_hash, l.failures, l.contact_id, t.full_name, false as has_news_page,
       coalesce((select c.playbook from app.companies c where c.org_id = l.org_id and c.id = coalesce(l.company_id, t.company_id)), cast(:only as text)) as playbook,
       (select jsonb_agg(jsonb_build_object('id', c.id, 'name', c.name, 'linkedin_key', c.linkedin_key) order by c.id) from app.companies c
         where c.org_id = l.org_id and c.id = any(array(select s.company_id from app.company_slots s where s.org_id = l.org_id and s.contact_id = l.contact_id union select coalesce(l.company_id, t.company_id)))) as companies
  from leased l left join app.contacts t on t.org_id = l.org_id and t.id = l.contact_id
 order by l.id;

-- name: give_back
-- Not read: due again at once, or when the DLQ says so.
update app.pages set leased_until = null, lease_id = null, failures = failures + cast(:failed as int), last_error = coalesce(cast(:error as text), last_error)
 where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and lease_id = cast(:lease_id as uuid);

-- name: give_back_of_dead
-- Whoever leased these is gone.
update app.pages set leased_until = null, lease_id = null
 where org_id = cast(:org_id as int) and lease_id = any(cast(:dead as uuid[]));

-- name: close_page
-- Only the holder of the lease closes the page; a latecomer finds it taken and writes nothing.
update app.pages
   set last_checked_at = app.now(), leased_until = null, lease_id = null, failures = 0, outcome = :outcome, last_error = cast(:error as text),
       etag = cast(:etag as text), last_modified = cast(:last_modified as text), content_hash = coalesce(cast(:content_hash as text), content_hash)
 where org_id = cast(:org_id as int) and id = cast(:page_id as bigint) and lease_id = cast(:lease_id as uuid)
returning id;

-- name: keep_facts
-- What was seen before is seen again; what is told anew of a person or a job takes the place of the old, and the rules look at it once more. News stays as first told.
with told as (
  select * from jsonb_to_recordset(cast(:facts as jsonb)) as f(company_id bigint, contact_id bigint, kind text, key text, value jsonb, page_id bigint, source text, source_url text)
), kept as (
  insert into app.company_facts as k (org_id, company_id, contact_id, kind, key, value, source, source_url, page_id, found_at, seen_at)
  select cast(:org_id as int), company_id, contact_id, kind, key, value, source, source_url, page_id, app.now(), app.now() from told
  on conflict (org_id, company_id, kind, key) do update
     set seen_at = excluded.seen_at,
         source_url = case when k.kind in ('person_at', 'job') then excluded.source_url else k.source_url end,
         value = case when k.kind in ('person_at', 'job') then excluded.value else k.value end,
         read_at = case when k.kind in ('person_at', 'job') and k.value is distinct from excluded.value then null else k.read_at end
  returning k.id, xmax = 0 as is_new
)
select count(*) filter (where is_new) as new, count(*) as seen from kept;

-- name: miss_people
-- Whom this very page named lately and, although it lists people, names no longer. Whoever came back in between is missed from now on.
insert into app.company_facts as k (org_id, company_id, contact_id, kind, key, value, source, source_url, page_id, found_at, seen_at)
select p.org_id, p.company_id, p.contact_id, 'person_absent', p.key, p.value - 'email', p.source, p.source_url, p.page_id, app.now(), app.now()
  from app.company_facts p
 where p.org_id = cast(:org_id as int) and p.page_id = cast(:page_id as bigint) and p.kind = 'person_at'
   and p.seen_at < app.now() and p.seen_at > app.now() - interval '100 days' and p.source_url = any(cast(:lists as text[]))
on conflict (org_id, company_id, kind, key) do update
   set seen_at = excluded.seen_at,
       found_at = case when (select w.seen_at from app.company_facts w where w.org_id = k.org_id and w.company_id = k.company_id and w.kind = 'person_at' and w.key = k.key) > k.found_at
                       then excluded.found_at else k.found_at end;

-- name: see_again
-- The page is as it was: what it said then it says now.
update app.company_facts set seen_at = app.now()
 where org_id = cast(:org_id as int) and page_id = cast(:page_id as bigint) and seen_at >= cast(:since as timestamptz);

-- name: store_report
insert into app.webhook_receipts (org_id, vendor, event_type, dedupe_key, payload_sealed, received_at)
values (cast(:org_id as int), 'apify', :event_type, :dedupe_key, :payload, app.now())
on conflict (org_id, vendor, dedupe_key) do nothing
returning id;

-- name: note_signature
insert into app.signature_checks (org_id, at, route, ok, reason) values (cast(:org_id as int), app.now(), :route, :ok, :reason);

-- name: reports_due
select r.id as receipt_id, r.payload_sealed from app.webhook_receipts r
 where r.org_id = cast(:org_id as int) and r.processed_at is null and r.vendor = 'apify'
   and not exists (select 1 from app.on_hold h where h.org_id = r.org_id and h.stage = 'scrape' and h.item = 'receipt:' || r.id)
 order by r.received_at, r.id limit cast(:limit as int);
