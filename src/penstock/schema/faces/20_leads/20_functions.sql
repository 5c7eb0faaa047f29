-- The functions that pipelines and people with a SQL prompt call. Each works inside the tenant of the transaction.

create function api.merge_contact_point(lead_id uuid, kind text, value text, source text, score numeric default null, verified boolean default false) returns bigint
language plpgsql set search_path = pg_catalog as $$
#variable_conflict use_column
declare who bigint; org int; point bigint; clean text := btrim($3);
begin
  select l.org_id, l.contact_id into org, who from app.leads l where l.id = $1;
  if not found then
    raise exception 'no lead %', $1 using errcode = 'PS404';
  end if;
  if $2 not in ('phone', 'email') then
    raise exception 'a contact point is a phone or an email, not %', $2 using errcode = 'PS005';
  end if;
  if clean = '' or clean is null then
    raise exception 'the % is empty', $2 using errcode = 'PS005';
  end if;
  if who is null then
    insert into app.contacts (org_id, owner_key, source) values (org, 'lead:' || $1, $4) returning id into who;
    update app.leads l set contact_id = who where l.org_id = org and l.id = $1;
  end if;
  insert into app.contact_points as p (org_id, contact_id, kind, value, source, score, verified, verified_at, status, line_type, added_at)
  values (org, who, $2, clean, $4, $5, coalesce($6, false), case when $6 then app.now() end, case when $6 then 'green' else 'gray' end::people.email_status_t, case when $2 = 'phone' then 'unknown' end, app.now())
  on conflict (org_id, contact_id, kind, value) do update
     set score = greatest(p.score, excluded.score), verified = p.verified or excluded.verified, verified_at = coalesce(p.verified_at, excluded.verified_at),
         status = case when excluded.verified then 'green' else p.status end
  returning id into point;
  update app.leads l set facts_changed_at = app.now() where l.org_id = org and l.contact_id = who;
  return point;
end $$;
comment on function api.merge_contact_point(uuid, text, text, text, numeric, boolean) is 'Adds a phone or email to a lead''s contact, once; a better score or a verification is kept. Returns the contact point. A plain value is sealed by the next sweep.';

-- The score table of the waterfall, in the one place that knows it.
create view api.vw_lead_quality with (security_invoker = true) as
select l.org_id, l.id as lead_id,
       case when exists (select 1 from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and p.kind = 'email' and p.verified and not p.is_invalid) then 40 else 0 end as email_points,
       case when exists (select 1 from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and p.kind = 'phone' and p.verified and p.line_type in ('mobile', 'voip') and not p.is_invalid) then 30 else 0 end as phone_points,
       case when pr.mak is not null and pr.apn is not null then 10 else 0 end as identity_points,
       case when pr.owner_occupied then 10 else 0 end as occupancy_points,
       case when c.age >= 62 and pr.property_value >= 100000 and pr.estimated_equity > 0 then 10 else 0 end as demographics_points
  from app.leads l
  left join app.properties pr on pr.org_id = l.org_id and pr.id = l.property_id
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id;
comment on view api.vw_lead_quality is 'Points of the quality score: verified email 40, verified mobile or VoIP phone 30, MAK and APN 10, owner occupied 10, age 62+ with value from $100,000 and equity 10.';

create function api.compute_quality_score(lead_id uuid) returns numeric language sql stable set search_path = pg_catalog as $$
  select (email_points + phone_points + identity_points + occupancy_points + demographics_points)::numeric from api.vw_lead_quality q where q.lead_id = $1
$$;
comment on function api.compute_quality_score(uuid) is 'Quality score of a lead, 0 to 100; null if there is no such lead.';

create function api.status_for_score(score numeric) returns app.lead_status language sql immutable as
$$ select case when score >= 60 then 'contactable' when score >= 40 then 'enriched' else 'do_not_contact' end::app.lead_status $$;
comment on function api.status_for_score(numeric) is 'Route of a score: from 60 contactable, from 40 enriched, below do_not_contact.';

create function api.update_lead_status_from_score(lead_id uuid) returns app.lead_status language plpgsql set search_path = pg_catalog as $$
#variable_conflict use_column
declare computed numeric := api.compute_quality_score($1); route app.lead_status;
begin
  if computed is null then
    raise exception 'no lead %', $1 using errcode = 'PS404';
  end if;
  route := api.status_for_score(computed);
  update app.leads l set quality_score = computed, lead_status = route, scored_at = app.now() where l.id = $1;
  return route;
end $$;
comment on function api.update_lead_status_from_score(uuid) is 'Scores a lead, routes it by the score, and returns the route.';

create function api.has_vendor_ids_been_seen(source text, query_sig text, vendor_ids text[]) returns boolean language sql stable set search_path = pg_catalog as $$
  select exists (select 1 from app.lead_source_events e where e.source = $1 and e.query_sig = $2 and e.seen_vendor_ids && $3)
$$;
comment on function api.has_vendor_ids_been_seen(text, text, text[]) is 'True if any of the record ids was on a page pulled for this query before: stop, the rest is known.';

create function api.clean_apn(apn text) returns text language sql immutable parallel safe as
$$ select nullif(upper(regexp_replace(coalesce(apn, ''), '[^A-Za-z0-9]', '', 'g')), '') $$;
comment on function api.clean_apn(text) is 'A parcel number by its letters and digits alone.';

create function api.upsert_lead(
  p_source text, p_vendor_record_id text default null, p_vendor_list_id text default null, p_address_line1 text default null, p_address_line2 text default null,
  p_city text default null, p_state text default null, p_postal_code text default null, p_apn text default null,
  p_owner_first_name text default null, p_owner_last_name text default null, p_owner_full_name text default null, p_owner_company text default null,
  p_property_value numeric default null, p_estimated_equity numeric default null, p_age int default null,
  p_mak text default null, p_county text default null, p_owner_occupied boolean default null, p_playbook text default 'equity') returns uuid
language plpgsql set search_path = pg_catalog as $$
declare
  org int := app.current_org(); prop bigint; who bigint; lead uuid; at timestamptz := app.now();
  v_state text := upper(nullif(btrim(p_state), '')); v_county text := upper(nullif(btrim(p_county), '')); v_apn text := api.clean_apn(p_apn); v_mak text := nullif(btrim(p_mak), '');
  v_hash text := api.compute_addr_hash(p_address_line1, p_address_line2, p_city, p_state, p_postal_code);
  v_name text := coalesce(nullif(btrim(p_owner_full_name), ''), nullif(concat_ws(' ', p_owner_first_name, p_owner_last_name), ''), nullif(btrim(p_owner_company), ''));
begin
  if org is null then
    raise exception 'no organisation in this transaction' using errcode = 'PS005', hint = 'set request.jwt.claims or app.org_id';
  end if;
  if coalesce(v_mak, v_apn, v_hash) is null then
    raise exception 'a lead needs an address with city or ZIP, an APN or a MAK' using errcode = 'PS005';
  end if;
  -- two callers with the same place wait for each other instead of inserting it twice
  perform pg_advisory_xact_lock(hashtextextended(org || ':' || k, 7)) from (select distinct k from unnest(array['mak:' || v_mak, 'apn:' || coalesce(v_state, '') || ':' || v_apn, 'addr:' || v_hash, 'vendor:' || p_source || ':' || p_vendor_record_id]) k where k is not null order by k) s;
  select id into prop from app.properties where org_id = org and mak = v_mak and merged_into is null;
  if prop is null and v_apn is not null then
    select id into prop from app.properties where org_id = org and apn = v_apn and state is not distinct from v_state and (county is not distinct from v_county or v_county is null) and merged_into is null order by id limit 1;
  end if;
  if prop is null and v_hash is not null then   -- another parcel or another MAK at the same address is another place
    select p.id into prop from app.properties p where p.org_id = org and p.addr_hash = v_hash and p.merged_into is null
       and (p.mak is null or v_mak is null or p.mak = v_mak) and (p.apn is null or v_apn is null or p.apn = v_apn);
    if prop is null and exists (select 1 from app.properties p where p.org_id = org and p.addr_hash = v_hash and p.merged_into is null) then
      v_hash := 'shared:' || coalesce(v_mak, v_state || '/' || coalesce(v_county, '') || '/' || v_apn);
    end if;
  end if;
  if prop is null then
    select coalesce(p.merged_into, p.id) into prop from app.property_vendor_ids v join app.properties p on p.org_id = v.org_id and p.id = v.property_id where v.org_id = org and v.source = p_source and v.vendor_record_id = p_vendor_record_id;
  end if;
  if prop is null then
    insert into app.properties (org_id, mak, apn, apn_raw, state, county, addr_hash, address_line1, address_line2, city, postal_code, property_value, estimated_equity, owner_occupied, owner_first_name, owner_last_name, owner_full_name, owner_company, source)
    values (org, v_mak, v_apn, p_apn, v_state, v_county, v_hash, p_address_line1, p_address_line2, p_city, api.normalize_zip(p_postal_code), p_property_value, p_estimated_equity, p_owner_occupied, p_owner_first_name, p_owner_last_name, v_name, p_owner_company, p_source)
    returning id into prop;
  else
    update app.properties p set mak = coalesce(p.mak, v_mak), apn = coalesce(p.apn, v_apn), apn_raw = coalesce(p.apn_raw, p_apn), property_value = coalesce(p_property_value, p.property_value),
           estimated_equity = coalesce(p_estimated_equity, p.estimated_equity), owner_occupied = coalesce(p_owner_occupied, p.owner_occupied), owner_first_name = coalesce(p_owner_first_name, p.owner_first_name),
           owner_last_name = coalesce(p_owner_last_name, p.owner_last_name), owner_full_name = coalesce(v_name, p.owner_full_name), owner_company = coalesce(p_owner_company, p.owner_company)
     where p.org_id = org and p.id = prop
       and (p.mak, p.apn, p.property_value, p.estimated_equity, p.owner_occupied, p.owner_first_name, p.owner_last_name, p.owner_full_name, p.owner_company) is distinct from
           (coalesce(p.mak, v_mak), coalesce(p.apn, v_apn), coalesce(p_property_value, p.property_value), coalesce(p_estimated_equity, p.estimated_equity), coalesce(p_owner_occupied, p.owner_occupied),
            coalesce(p_owner_first_name, p.owner_first_name), coalesce(p_owner_last_name, p.owner_last_name), coalesce(v_name, p.owner_full_name), coalesce(p_owner_company, p.owner_company));
  end if;
  insert into app.property_seen as s (org_id, property_id, first_seen_at, last_seen_at) values (org, prop, at, at)
  on conflict (org_id, property_id) do update set last_seen_at = excluded.last_seen_at, times_seen = s.times_seen + 1;
  if p_vendor_record_id is not null then
    insert into app.property_vendor_ids (org_id, source, vendor_record_id, vendor_list_id, property_id, first_seen_at) values (org, p_source, p_vendor_record_id, p_vendor_list_id, prop, at) on conflict do nothing;
  end if;
  if v_name is not null then
    insert into app.contacts (org_id, owner_key, kind, first_name, last_name, full_name, company, age, source, created_at)
    values (org, api.owner_key(v_name, p_address_line1, p_city, p_state, p_postal_code), case when p_owner_company is null then 'person' else 'company' end, p_owner_first_name, p_owner_last_name, v_name, p_owner_company, p_age, p_source, at)
    on conflict (org_id, owner_key) do update set age = coalesce(excluded.age, contacts.age) returning id into who;
  end if;
  insert into app.leads as l (org_id, playbook, property_id, contact_id, source, vendor_record_id, vendor_list_id, first_seen_at, last_seen_at, facts_changed_at)
  values (org, p_playbook, prop, who, p_source, p_vendor_record_id, p_vendor_list_id, at, at, at)
  on conflict (org_id, playbook, property_id) where property_id is not null and merged_into is null do update
     set last_seen_at = excluded.last_seen_at, contact_id = coalesce(l.contact_id, excluded.contact_id), facts_changed_at = excluded.facts_changed_at
  returning id into lead;
  return lead;
end $$;
comment on function api.upsert_lead is 'Inserts a lead, or finds the one that is there by MAK, APN, address, vendor id in this order, and returns it.';

create function api.owner_key(full_name text, mailing_line1 text, mailing_city text, mailing_state text, mailing_zip text) returns text
language sql immutable parallel safe as $$
  select encode(sha256(convert_to(concat_ws('|', btrim(regexp_replace(upper(coalesce(full_name, '')), '[^A-Z0-9]+', ' ', 'g')),
    coalesce(api.compute_addr_hash(mailing_line1, mailing_city, mailing_state, mailing_zip), btrim(upper(coalesce(mailing_line1, ''))))), 'UTF8')), 'hex')
$$;
comment on function api.owner_key(text, text, text, text, text) is 'One key for one owner: normalised name and mailing address.';
