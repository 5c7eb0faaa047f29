-- People, and the state of their email.

create view people.contact with (security_invoker = true) as
select c.id as contact_id, c.full_name, c.title, e.value as email, t.value as phone, profile.url as profile_source_url, profile.last_checked_at as last_profile_checked_at, c.created_at, c.updated_at
  from app.contacts c
  left join app.contact_points e on e.org_id = c.org_id and e.contact_id = c.id and e.is_primary
  left join lateral (select x.value from app.contact_points x where x.org_id = c.org_id and x.contact_id = c.id and x.kind = 'phone' and not x.is_invalid order by x.verified desc, x.score desc nulls last, x.id limit 1) t on true
  left join app.pages profile on profile.org_id = c.org_id and profile.contact_id = c.id and profile.url_type = 'profile'
 where c.org_id = (select app.current_org()) and c.merged_into is null;
comment on view people.contact is 'People with their primary email and best phone, sealed. A plain value written here is sealed by the next sweep.';

-- What was replaced is not used any more (is_invalid) and comes back only by being written again. Whether a plain text is the address it is
-- written over, only the sweep can tell, who can seal it: `written_over` keeps what was primary before, for that.
create function people.set_email(contact bigint, address text) returns void language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org(); clean text := nullif(btrim(address), ''); before bigint[];
begin
  if not app.is_sealed(clean) and clean !~ '^[^@[:space:]<>(),;:"]+@[^@[:space:]<>(),;:".]+(\.[^@[:space:]<>(),;:".]+)+$' then   -- whether anybody reads it, a check finds out
    raise exception 'what is written as the email of contact % is no email address', contact using errcode = 'PS006', hint = 'write one address as name@company.example, or null where there is none';
  end if;
  update app.leads l set facts_changed_at = app.now() where l.org_id = org and l.contact_id = contact;
  perform from app.contacts c where c.org_id = org and c.id = contact for no key update;
  select p.written_over || p.id into before from app.contact_points p where p.org_id = org and p.contact_id = contact and p.is_primary;
  update app.contact_points p set is_primary = false, replaced_at = case when p.is_invalid then p.replaced_at else app.now() end, is_invalid = true
   where p.org_id = org and p.contact_id = contact and p.kind = 'email' and (p.is_primary or clean is null) and p.value is distinct from clean;
  if clean is not null then
    insert into app.contact_points as p (contact_id, kind, value, source, is_primary, written_over) values (contact, 'email', clean, 'manual', true, coalesce(before, '{}'))
    on conflict (org_id, contact_id, kind, value) do update
       set is_primary = true, written_over = case when app.is_sealed(p.value) then '{}' else excluded.written_over end, is_invalid = p.is_invalid and p.replaced_at is null, replaced_at = null,
           status = 'gray', verified = false, verified_at = null, source_url = null, check_step = 0, check_due_at = null, gray_rounds = 0
     where not p.is_primary;
  end if;
end $$;
comment on function people.set_email(bigint, text) is 'Sets the primary email of a contact; another one than before is gray until it is checked. The old one is kept and never used; no address: none is.';

-- Asked by whoever found out something of the addresses of these people: a check, a bounce.
create function people.show_living_email(contacts bigint[]) returns void language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org(); fallen bigint[];
begin
  with fall as (
    update app.contact_points p set is_primary = false
     where p.org_id = org and p.contact_id = any(contacts) and p.is_primary
       and (p.status = 'red' or (p.source <> 'manual' and p.verified_at is not null and p.check_step = 0 and (p.status <> 'gray' or p.check_due_at is null)))
       and exists (select 1 from app.contact_points o where o.org_id = p.org_id and o.contact_id = p.contact_id and o.kind = 'email' and not o.is_invalid and o.check_step = 0
                      and ((o.status = 'green' and p.status <> 'green') or (o.status = 'yellow' and p.status in ('red', 'gray'))))
    returning p.contact_id)
  select array_agg(f.contact_id) into fallen from fall f;
  update app.contact_points p set is_primary = true
    from (select distinct on (o.contact_id) o.id from app.contact_points o
           where o.org_id = org and o.contact_id = any(fallen) and o.kind = 'email' and not o.is_invalid and o.status in ('green', 'yellow') and o.check_step = 0
           order by o.contact_id, o.status = 'green' desc, o.score desc nulls last, o.id) best
   where p.org_id = org and p.id = best.id;
end $$;
comment on function people.show_living_email(bigint[]) is 'Gives the place of a primary email that is dead, or checked and worth less than another of the person, to that one. One written by hand keeps it while it lives.';

create function people.set_phone(contact bigint, number text) returns void language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org(); clean text := nullif(btrim(number), '');
begin
  update app.leads l set facts_changed_at = app.now() where l.org_id = org and l.contact_id = contact;
  perform from app.contacts c where c.org_id = org and c.id = contact for no key update;
  update app.contact_points p set replaced_at = app.now(), is_invalid = true
   where p.org_id = org and p.contact_id = contact and p.kind = 'phone' and not p.is_invalid and p.value is distinct from clean;
  if clean is not null then
    insert into app.contact_points as p (contact_id, kind, value, source, score) values (contact, 'phone', clean, 'manual', 100)
    on conflict (org_id, contact_id, kind, value) do update set score = 100, is_invalid = p.is_invalid and p.replaced_at is null, replaced_at = null;
  end if;
end $$;
comment on function people.set_phone(bigint, text) is 'Sets the phone of a contact: the others are kept and never used; no number: none is.';

create function people.change_contact() returns trigger language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org();
begin
  if tg_op = 'DELETE' then
    begin
      delete from app.contacts c where c.org_id = org and c.id = old.contact_id;
    exception when foreign_key_violation then
      raise exception 'a contact with a slot, a lead or a history is not deleted' using errcode = 'PS009', hint = 'take the person out of company.company_slot instead: who leaves is written to no longer';
    end;
    return old;
  end if;
  if nullif(btrim(new.full_name), '') is null then
    raise exception 'a contact needs a full_name' using errcode = 'PS006', hint = 'write the name as people say it';
  end if;
  if tg_op = 'INSERT' then
    new.contact_id := coalesce(new.contact_id, nextval('people.contact_contact_id_seq'));
    insert into app.contacts (id, full_name, title, created_at) values (new.contact_id, new.full_name, new.title, coalesce(new.created_at, app.now()))
    returning created_at, updated_at into new.created_at, new.updated_at;
  else
    if new.contact_id <> old.contact_id then
      raise exception 'a contact keeps its contact_id' using errcode = 'PS006', hint = 'leave contact_id as it is';
    end if;
    if (new.email, new.phone) is distinct from (old.email, old.phone) then   -- everybody takes leads before people
      perform from app.leads l where l.org_id = org and l.contact_id = old.contact_id order by l.id for no key update;
    end if;
    update app.contacts c set full_name = new.full_name, title = new.title where c.org_id = org and c.id = old.contact_id and (c.full_name, c.title) is distinct from (new.full_name, new.title);
  end if;
  if new.email is distinct from (case when tg_op = 'UPDATE' then old.email end) then
    perform people.set_email(new.contact_id, new.email);
  end if;
  if new.phone is distinct from (case when tg_op = 'UPDATE' then old.phone end) then
    perform people.set_phone(new.contact_id, new.phone);
  end if;
  if nullif(btrim(new.profile_source_url), '') is null then
    delete from app.pages p where p.org_id = org and p.contact_id = new.contact_id and p.url_type = 'profile';
  elsif tg_op = 'INSERT' or (new.profile_source_url, new.last_profile_checked_at) is distinct from (old.profile_source_url, old.last_profile_checked_at) then
    if tg_op = 'UPDATE' and new.last_profile_checked_at is not distinct from old.last_profile_checked_at and btrim(new.profile_source_url) is distinct from old.profile_source_url then
      new.last_profile_checked_at := null;   -- nobody has read the new one
    end if;
    insert into app.pages as p (contact_id, url_type, url, last_checked_at) values (new.contact_id, 'profile', btrim(new.profile_source_url), new.last_profile_checked_at)
    on conflict (org_id, contact_id, url_type) where contact_id is not null do update set url = excluded.url, last_checked_at = excluded.last_checked_at;
  end if;
  return new;
end $$;
create trigger trg_change_contact instead of insert or update or delete on people.contact for each row execute function people.change_contact();

create view people.contact_verification with (security_invoker = true) as
select p.contact_id, p.status as email_status, p.verified_at as email_checked_at, p.score::numeric as email_confidence,
       coalesce(p.source_url, case when p.verified_at is not null then p.source end) as email_source_url
  from app.contact_points p
 where p.org_id = (select app.current_org()) and p.is_primary;
comment on view people.contact_verification is 'The state of the primary email. It is there with the email; changing the email makes it gray.';

create function people.change_verification() returns trigger language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org(); moved boolean;
begin
  if tg_op = 'DELETE' then
    raise exception 'the state of an email goes with the email' using errcode = 'PS006', hint = 'update people.contact set email = null';
  end if;
  if new.email_confidence not between 0 and 100 then
    raise exception 'email_confidence % is not between 0 and 100', new.email_confidence using errcode = 'PS006', hint = 'a percentage';
  end if;
  if not exists (select 1 from app.contacts c where c.org_id = org and c.id = new.contact_id) then
    raise exception 'there is no contact %', coalesce(new.contact_id::text, 'without a number') using errcode = 'PS006', hint = 'insert into people.contact first';
  end if;
  new.email_status := coalesce(new.email_status, 'gray');
  update app.contact_points p
     set status = new.email_status, verified_at = case when new.email_status = 'gray' and new.email_checked_at is null then null else coalesce(new.email_checked_at, p.verified_at, app.now()) end,
         source_url = case when tg_op = 'INSERT' or new.email_source_url is distinct from old.email_source_url then new.email_source_url else p.source_url end,
         verified = new.email_status in ('green', 'yellow'), score = coalesce(new.email_confidence, p.score), check_step = 0, gray_rounds = 0,
         check_due_at = case when new.email_status <> 'red' and new.email_checked_at is not null then new.email_checked_at + interval '30 days' end
   where p.org_id = org and p.contact_id = new.contact_id and p.is_primary;
  moved := found;
  if moved then
    update app.leads l set facts_changed_at = app.now() where l.org_id = org and l.contact_id = new.contact_id;
  elsif new.email_status <> 'gray' or coalesce(new.email_checked_at::text, new.email_confidence::text, new.email_source_url) is not null then
    raise exception 'contact % has no email that could be %', new.contact_id, new.email_status using errcode = 'PS006', hint = 'set people.contact.email first';
  else
    return null;   -- gray is what no email is: nothing to keep, and no row is counted
  end if;
  return new;
end $$;
create trigger trg_change_verification instead of insert or update or delete on people.contact_verification for each row execute function people.change_verification();

create view people.next_profile_urls_30d with (security_invoker = true) as
select contact_id, url, last_checked_at
  from app.pages
 where org_id = (select app.current_org()) and contact_id is not null and coalesce(last_checked_at, '-infinity'::timestamptz) <= app.now() - interval '30 days'
 order by coalesce(last_checked_at, '-infinity'::timestamptz), id;
comment on view people.next_profile_urls_30d is 'Profiles to be read: never read first, then the longest ago.';

create view people.due_email_recheck_30d with (security_invoker = true) as
select p.contact_id, c.full_name, p.value as email, p.status as email_status, p.verified_at as last_checked_at
  from app.contact_points p join app.contacts c on c.org_id = p.org_id and c.id = p.contact_id
 where p.org_id = (select app.current_org()) and p.is_primary and not p.is_invalid and coalesce(p.verified_at, '-infinity'::timestamptz) <= app.now() - interval '30 days'
 order by coalesce(p.verified_at, '-infinity'::timestamptz), p.id;
comment on view people.due_email_recheck_30d is 'Primary emails to be checked: never checked first, then the longest ago.';
