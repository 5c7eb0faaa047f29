-- The merge of a staged file, in sets. `incoming` holds the rows as cleaned, `placed` what the cascade made of each. One line
-- per place of the file stand in `claimed` (its keys), `seen` (with its id and whether the file says anything new of it) and
-- `touched` (with its lead and owner): each is made from the one before, because rewriting a temporary row costs as much as
-- making it. "Later non-empty values win": a place's lines are first folded into its first line.

-- name: open_staging
-- The server works the keys out while the client reads on. A parcel number is a key only within a known county; an address
-- only with a house number; an owner is told by name and mailing address (the site, where no mailing address is given).
create temp table incoming (
  row_number int not null, mak text, apn_raw text, state text, county text, address_line1 text, address_line2 text, city text,
  postal_code text, zip4 text, numbered boolean not null, lat double precision, lng double precision, land_use text,
  year_built int, bedrooms numeric, bathrooms numeric, building_sqft int, lot_sqft bigint, property_value numeric,
  estimated_equity numeric, mortgage_balance numeric, last_sale_date date, last_sale_price numeric, owner_occupied boolean,
  subdivision text, roof_material text, roof_sqft int, has_mortgage boolean, has_liens boolean, recent_refinance boolean, recent_heloc boolean,
  owner_first_name text, owner_last_name text, owner_full_name text, owner_company text, age int,
  mailing_line1 text, mailing_line2 text, mailing_city text, mailing_state text, mailing_postal_code text,
  do_not_mail boolean, litigator boolean, deceased_owner boolean, vendor_record_id text, vendor_list_id text, points text, note text,
  own_apn_key text generated always as (case when state is not null and county is not null then state || '/' || county || '/' || api.clean_apn(apn_raw) end) stored,
  own_addr_hash text generated always as (case when numbered then api.compute_addr_hash(address_line1, address_line2, city, state, postal_code) end) stored,
  owner_key text generated always as (case when coalesce(owner_full_name, owner_company) is not null then
    case when mailing_line1 is null
         then api.owner_key(coalesce(owner_full_name, owner_company), coalesce(address_line1 || coalesce(' #' || address_line2, ''), address_line2), city, state, postal_code)
         else api.owner_key(coalesce(owner_full_name, owner_company), mailing_line1 || coalesce(' #' || mailing_line2, ''), mailing_city, mailing_state, mailing_postal_code) end end) stored
) on commit drop;

-- name: open_places
create temp table placed (row_number int not null, place int not null, outcome text not null, first_row int not null) on commit drop;

-- name: open_claimed
create temp table claimed (
  place int not null, first_row int not null, is_new boolean not null, property_id bigint, mak text, apn_key text, addr_hash text
) on commit drop;

-- name: make_keys
-- The keys of the rows as they came: folding changes some of them in `incoming`.
create temp table keyed on commit drop as
select row_number, mak, own_apn_key as apn_key, own_addr_hash as addr_hash, vendor_record_id as vendor from incoming;

-- name: analyze_staging
analyze incoming;

-- name: analyze_keys
analyze keyed;

-- name: more_memory
-- Sorts and hash tables of this transaction; the server's default would spill a file of 100,000 rows to disk.
select set_config('work_mem', '64MB', true);

-- name: one_at_a_time
select pg_advisory_xact_lock(hashtextextended('identity.merge', cast(:org_id as int)));

-- name: known_places
-- Every living property that holds any key of the file, with its own keys. A shared address (see insert_properties) is none.
-- Keys that are not there are left out by name: without statistics of a young table the plan would walk it once for each.
with held as (
  select p.id from keyed k join app.properties p on p.mak = k.mak where k.mak is not null and p.merged_into is null
  union
  select p.id from keyed k join app.properties p
      on p.state = split_part(k.apn_key, '/', 1) and p.county = split_part(k.apn_key, '/', 2) and p.apn = split_part(k.apn_key, '/', 3)
   where k.apn_key is not null and p.merged_into is null
  union
  select p.id from keyed k join app.properties p on p.addr_hash = k.addr_hash where k.addr_hash is not null and p.merged_into is null
  union
  select v.property_id from keyed k join app.property_vendor_ids v on v.source = cast(:source as text) and v.vendor_record_id = k.vendor where k.vendor is not null
)
select p.id, p.mak, case when p.apn is not null and p.state is not null and p.county is not null then p.state || '/' || p.county || '/' || p.apn end as apn_key,
       case when p.addr_hash not like 'shared:%' then p.addr_hash end as addr_hash
  from held h join app.properties p on p.id = h.id
 order by p.id;

-- name: known_names
-- The source's ids in the file that places bear already.
select distinct v.property_id, v.vendor_record_id
  from keyed k join app.property_vendor_ids v on v.source = cast(:source as text) and v.vendor_record_id = k.vendor
 where k.vendor is not null;

-- name: analyze_placed
analyze placed;

-- name: analyze_claimed
analyze claimed;

-- name: fold_repeated
-- Places with several lines: the later non-empty value of each fact; what belongs together (owner, mailing address,
-- coordinates, sale) is taken from one line. The newest sale counts, not the last line.
with lines as (
  select i.*, d.first_row, k.addr_hash, t.addr_hash as kept_hash
    from placed d
    join claimed t on t.place = d.place
    join incoming i on i.row_number = d.row_number
    join keyed k on k.row_number = d.row_number
   where d.place in (select place from placed where outcome = 'duplicate_in_file')
), folded as (
  select first_row,
         (array_agg(apn_raw order by row_number) filter (where apn_raw is not null))[1] as apn_raw,
         (array_agg(row_number order by (addr_hash is not null and addr_hash = kept_hash) desc, (address_line1 is not null) desc, row_number))[1] as address_row,
         (array_agg(state order by row_number) filter (where state is not null))[1] as state,
         (array_agg(county order by row_number) filter (where county is not null))[1] as county,
         max(row_number) filter (where lat is not null and lng is not null) as point_row,
         (array_agg(land_use order by row_number desc) filter (where land_use is not null))[1] as land_use,
         (array_agg(year_built order by row_number desc) filter (where year_built is not null))[1] as year_built,
         (array_agg(bedrooms order by row_number desc) filter (where bedrooms is not null))[1] as bedrooms,
         (array_agg(bathrooms order by row_number desc) filter (where bathrooms is not null))[1] as bathrooms,
         (array_agg(building_sqft order by row_number desc) filter (where building_sqft is not null))[1] as building_sqft,
         (array_agg(lot_sqft order by row_number desc) filter (where lot_sqft is not null))[1] as lot_sqft,
         (array_agg(property_value order by row_number desc) filter (where property_value is not null))[1] as property_value,
         (array_agg(estimated_equity order by row_number desc) filter (where estimated_equity is not null))[1] as estimated_equity,
         (array_agg(mortgage_balance order by row_number desc) filter (where mortgage_balance is not null))[1] as mortgage_balance,
         (array_agg(owner_occupied order by row_number desc) filter (where owner_occupied is not null))[1] as owner_occupied,
         (array_agg(subdivision order by row_number desc) filter (where subdivision is not null))[1] as subdivision,
         (array_agg(roof_material order by row_number desc) filter (where roof_material is not null))[1] as roof_material,
         (array_agg(roof_sqft order by row_number desc) filter (where roof_sqft is not null))[1] as roof_sqft,
         (array_agg(has_mortgage order by row_number desc) filter (where has_mortgage is not null))[1] as has_mortgage,
         (array_agg(has_liens order by row_number desc) filter (where has_liens is not null))[1] as has_liens,
         (array_agg(recent_refinance order by row_number desc) filter (where recent_refinance is not null))[1] as recent_refinance,
         (array_agg(recent_heloc order by row_number desc) filter (where recent_heloc is not null))[1] as recent_heloc,
         (array_agg(row_number order by last_sale_date desc nulls last, row_number desc) filter (where last_sale_price is not null or last_sale_date is not null))[1] as sale_row,
         max(row_number) filter (where coalesce(owner_full_name, owner_company) is not null) as owner_row,
         max(row_number) filter (where mailing_line1 is not null) as mailing_row,
         (array_agg(age order by row_number desc) filter (where age is not null))[1] as age,
         bool_or(do_not_mail) as do_not_mail, bool_or(litigator) as litigator, bool_or(deceased_owner) as deceased_owner,
         (array_agg(vendor_record_id order by row_number) filter (where vendor_record_id is not null))[1] as vendor_record_id
    from lines group by first_row
)
update incoming i set
       apn_raw = f.apn_raw, address_line1 = a.address_line1, address_line2 = a.address_line2, city = a.city, postal_code = a.postal_code, zip4 = a.zip4,
       state = coalesce(a.state, f.state), county = f.county, lat = g.lat, lng = g.lng, land_use = f.land_use, year_built = f.year_built,
       bedrooms = f.bedrooms, bathrooms = f.bathrooms, building_sqft = f.building_sqft, lot_sqft = f.lot_sqft, property_value = f.property_value,
       estimated_equity = f.estimated_equity, mortgage_balance = f.mortgage_balance, owner_occupied = f.owner_occupied,
       subdivision = f.subdivision, roof_material = f.roof_material, roof_sqft = f.roof_sqft, has_mortgage = f.has_mortgage, has_liens = f.has_liens, recent_refinance = f.recent_refinance, recent_heloc = f.recent_heloc,
       last_sale_date = s.last_sale_date, last_sale_price = s.last_sale_price,
       owner_first_name = o.owner_first_name, owner_last_name = o.owner_last_name, owner_full_name = o.owner_full_name, owner_company = o.owner_company,
       mailing_line1 = m.mailing_line1, mailing_line2 = m.mailing_line2, mailing_city = m.mailing_city, mailing_state = m.mailing_state, mailing_postal_code = m.mailing_postal_code,
       age = f.age, do_not_mail = f.do_not_mail, litigator = f.litigator, deceased_owner = f.deceased_owner, vendor_record_id = f.vendor_record_id
  from folded f
  left join incoming a on a.row_number = f.address_row
  left join incoming g on g.row_number = f.point_row
  left join incoming s on s.row_number = f.sale_row
  left join incoming o on o.row_number = f.owner_row
  left join incoming m on m.row_number = f.mailing_row
 where i.row_number = f.first_row;

-- name: make_subdivisions
insert into app.subdivisions (org_id, state, city, name)
select distinct cast(:org_id as int), i.state, upper(i.city), i.subdivision
  from claimed t join incoming i on i.row_number = t.first_row
 where i.subdivision is not null and i.state is not null and i.city is not null
 order by 2, 3, 4
on conflict do nothing;

-- name: make_seen
-- What the file says of each place to this playbook, as one hash: a place of which nothing new is said costs two narrow
-- writes, and its owner is not worked out again. Whom we know there: the lead's contact; where files make no leads, the
-- owner of the place.
create temp table seen on commit drop as
select n.*, s.content_hash is distinct from n.content_hash as changed, l.id as lead_id, coalesce(p.owner_contact_id, l.contact_id) as contact_id
  from (select t.place, t.first_row, t.is_new, t.mak, t.apn_key, t.addr_hash, t.property_id,
               encode(sha256(convert_to(cast(row(cast(:playbook as text), i.mak, i.apn_raw, i.state, i.county, i.address_line1, i.address_line2, i.city, i.postal_code, i.zip4, i.lat, i.lng, i.land_use, i.year_built,
                 i.bedrooms, i.bathrooms, i.building_sqft, i.lot_sqft, i.property_value, i.estimated_equity, i.mortgage_balance, i.last_sale_date, i.last_sale_price, i.owner_occupied,
                 i.owner_first_name, i.owner_last_name, i.owner_full_name, i.owner_company, i.age, i.mailing_line1, i.mailing_line2, i.mailing_city, i.mailing_state, i.mailing_postal_code,
                 i.do_not_mail, i.litigator, i.deceased_owner, i.subdivision, i.roof_material, i.roof_sqft, i.has_mortgage, i.has_liens, i.recent_refinance, i.recent_heloc) as text), 'UTF8')), 'hex') as content_hash
          from (select c.place, c.first_row, c.is_new, c.mak, c.apn_key, c.addr_hash, coalesce(c.property_id, nextval(pg_get_serial_sequence('app.properties', 'id'))) as property_id
                  from (select * from claimed order by apn_key, place) c) t
          join incoming i on i.row_number = t.first_row) n
  left join app.property_seen s on s.property_id = n.property_id
  left join app.leads l on l.playbook = cast(:playbook as text) and l.property_id = n.property_id and l.merged_into is null
  left join app.properties p on not cast(:makes_leads as boolean) and p.id = n.property_id;

-- name: analyze_seen
analyze seen;

-- name: make_owners
-- The owner of each place of which anything is new.
create temp table owners on commit drop as
select t.place, t.first_row, i.owner_key
  from seen t join incoming i on i.row_number = t.first_row
 where i.owner_key is not null and (t.changed or t.contact_id is null);

-- name: merge_owners
-- One contact per owner. Marks that forbid contact only ever go up.
insert into app.contacts as c (org_id, owner_key, kind, first_name, last_name, full_name, company, age, mailing_line1, mailing_line2, mailing_city, mailing_state, mailing_postal_code,
       is_deceased, is_litigator, do_not_mail, needs_review_since, review_reason, source, created_at)
select cast(:org_id as int), o.owner_key, case when max(i.owner_company) is not null and max(i.owner_full_name) is null then 'company' else 'person' end,
       (array_agg(i.owner_first_name order by o.first_row desc) filter (where i.owner_first_name is not null))[1],
       (array_agg(i.owner_last_name order by o.first_row desc) filter (where i.owner_last_name is not null))[1],
       (array_agg(i.owner_full_name order by o.first_row desc) filter (where i.owner_full_name is not null))[1],
       (array_agg(i.owner_company order by o.first_row desc) filter (where i.owner_company is not null))[1],
       (array_agg(i.age order by o.first_row desc) filter (where i.age is not null))[1],
       (array_agg(coalesce(i.mailing_line1, i.address_line1) order by o.first_row desc))[1],
       (array_agg(case when i.mailing_line1 is null then i.address_line2 else i.mailing_line2 end order by o.first_row desc))[1],
       (array_agg(case when i.mailing_line1 is null then i.city else i.mailing_city end order by o.first_row desc))[1],
       (array_agg(case when i.mailing_line1 is null then i.state else i.mailing_state end order by o.first_row desc))[1],
       (array_agg(case when i.mailing_line1 is null then i.postal_code else i.mailing_postal_code end order by o.first_row desc))[1],
       coalesce(bool_or(i.deceased_owner), false), coalesce(bool_or(i.litigator), false), coalesce(bool_or(i.do_not_mail), false),
       case when bool_or(i.deceased_owner) then app.now() end, case when bool_or(i.deceased_owner) then 'the file says that the owner has died' end, cast(:source as text), app.now()
  from owners o join incoming i on i.row_number = o.first_row
 group by o.owner_key
 order by o.owner_key
on conflict (org_id, owner_key) do update
   set age = coalesce(excluded.age, c.age), is_deceased = c.is_deceased or excluded.is_deceased, is_litigator = c.is_litigator or excluded.is_litigator,
       do_not_mail = c.do_not_mail or excluded.do_not_mail, needs_review_since = coalesce(c.needs_review_since, excluded.needs_review_since),
       review_reason = coalesce(c.review_reason, excluded.review_reason)
 where (coalesce(excluded.age, c.age), c.is_deceased or excluded.is_deceased, c.is_litigator or excluded.is_litigator, c.do_not_mail or excluded.do_not_mail)
       is distinct from (c.age, c.is_deceased, c.is_litigator, c.do_not_mail);

-- name: analyze_owners
analyze owners;

-- name: make_touched
-- Each place with its lead, and the owner whom the file names if it says anything new.
create temp table touched on commit drop as
select s.place, s.first_row, s.property_id, s.changed, s.lead_id is null as lead_is_new, coalesce(s.lead_id, gen_random_uuid()) as lead_id,
       s.contact_id as known_contact_id, coalesce(c.merged_into, c.id, s.contact_id) as contact_id
  from seen s
  left join owners o on o.place = s.place
  left join app.contacts c on c.owner_key = o.owner_key;

-- name: analyze_touched
analyze touched;

-- name: insert_properties
-- An address that does not tell the place by itself (another parcel holds it, or it has no house number) is stored with a
-- mark and the parcel instead of its hash: unique, and never found by an address.
insert into app.properties (org_id, id, mak, apn, apn_raw, state, county, addr_hash, address_line1, address_line2, city, postal_code, zip4, lat, lng, land_use,
       year_built, bedrooms, bathrooms, building_sqft, lot_sqft, property_value, estimated_equity, mortgage_balance, last_sale_date, last_sale_price, owner_occupied,
       owner_first_name, owner_last_name, owner_full_name, owner_company, mailing_line1, mailing_line2, mailing_city, mailing_state, mailing_postal_code,
       subdivision_id, roof_material, roof_sqft, has_mortgage, has_liens, recent_refinance, recent_heloc, owner_contact_id, located_by, source, upload_id, row_number)
select cast(:org_id as int), t.property_id, t.mak, split_part(t.apn_key, '/', 3), i.apn_raw, coalesce(split_part(t.apn_key, '/', 1), i.state), coalesce(split_part(t.apn_key, '/', 2), i.county),
       coalesce(t.addr_hash, 'shared:' || coalesce(t.mak, t.apn_key)), i.address_line1, i.address_line2, i.city, i.postal_code, i.zip4, i.lat, i.lng, i.land_use,
       i.year_built, i.bedrooms, i.bathrooms, i.building_sqft, i.lot_sqft, i.property_value, i.estimated_equity, i.mortgage_balance, i.last_sale_date, i.last_sale_price, i.owner_occupied,
       i.owner_first_name, i.owner_last_name, i.owner_full_name, i.owner_company, i.mailing_line1, i.mailing_line2, i.mailing_city, i.mailing_state, i.mailing_postal_code,
       d.id, i.roof_material, i.roof_sqft, i.has_mortgage, i.has_liens, i.recent_refinance, i.recent_heloc, o.contact_id,
       case when i.lat is null then 'source' else cast(:located_by as text) end, cast(:source as text), cast(:upload_id as uuid), i.row_number
  from seen t join incoming i on i.row_number = t.first_row
  left join app.subdivisions d on d.state = i.state and d.city = upper(i.city) and d.name = i.subdivision
  left join touched o on not cast(:makes_leads as boolean) and o.place = t.place
 where t.is_new
 order by t.property_id;

-- name: update_properties
-- Keys and address are filled where they were missing, never replaced; facts are replaced by what is newer; rows that
-- would not change are not written.
with news as (
  select t.property_id, t.mak as kept_mak, split_part(t.apn_key, '/', 1) as key_state, split_part(t.apn_key, '/', 2) as key_county, split_part(t.apn_key, '/', 3) as key_apn, t.apn_key, t.addr_hash as kept_hash, d.id as subdivision_id, i.*
    from seen t join incoming i on i.row_number = t.first_row
    left join app.subdivisions d on d.state = i.state and d.city = upper(i.city) and d.name = i.subdivision
   where not t.is_new and t.changed
), merged as (
  select p.id, coalesce(p.mak, n.kept_mak) as mak,
         case when n.apn_key is not null then n.key_apn else p.apn end as apn,
         coalesce(p.apn_raw, n.apn_raw) as apn_raw,
         case when n.apn_key is not null then n.key_state else coalesce(p.state, n.state) end as state,
         case when n.apn_key is not null then n.key_county else coalesce(p.county, n.county) end as county,
         x.takes_address,
         case when x.takes_address then n.kept_hash else p.addr_hash end as addr_hash,
         case when x.takes_address or p.address_line1 is null then n.address_line1 else p.address_line1 end as address_line1,
         case when x.takes_address or p.address_line1 is null then n.address_line2 else p.address_line2 end as address_line2,
         case when x.takes_address then coalesce(n.city, p.city) else coalesce(p.city, n.city) end as city,
         case when x.takes_address then coalesce(n.postal_code, p.postal_code) else coalesce(p.postal_code, n.postal_code) end as postal_code,
         coalesce(n.zip4, p.zip4) as zip4,
         case when n.lat is not null and n.lng is not null then n.lat else p.lat end as lat,
         case when n.lat is not null and n.lng is not null then n.lng else p.lng end as lng,
         coalesce(n.land_use, p.land_use) as land_use, coalesce(n.year_built, p.year_built) as year_built,
         coalesce(n.bedrooms, p.bedrooms) as bedrooms, coalesce(n.bathrooms, p.bathrooms) as bathrooms,
         coalesce(n.building_sqft, p.building_sqft) as building_sqft, coalesce(n.lot_sqft, p.lot_sqft) as lot_sqft,
         coalesce(n.property_value, p.property_value) as property_value, coalesce(n.estimated_equity, p.estimated_equity) as estimated_equity,
         coalesce(n.mortgage_balance, p.mortgage_balance) as mortgage_balance,
         case when x.newer_sale then n.last_sale_date else p.last_sale_date end as last_sale_date,
         case when x.newer_sale then n.last_sale_price else p.last_sale_price end as last_sale_price,
         coalesce(n.owner_occupied, p.owner_occupied) as owner_occupied,
         case when x.owner then n.owner_first_name else p.owner_first_name end as owner_first_name,
         case when x.owner then n.owner_last_name else p.owner_last_name end as owner_last_name,
         case when x.owner then n.owner_full_name else p.owner_full_name end as owner_full_name,
         case when x.owner then n.owner_company else p.owner_company end as owner_company,
         case when x.mailing then n.mailing_line1 else p.mailing_line1 end as mailing_line1,
         case when x.mailing then n.mailing_line2 else p.mailing_line2 end as mailing_line2,
         case when x.mailing then n.mailing_city else p.mailing_city end as mailing_city,
         case when x.mailing then n.mailing_state else p.mailing_state end as mailing_state,
         case when x.mailing then n.mailing_postal_code else p.mailing_postal_code end as mailing_postal_code,
         coalesce(n.subdivision_id, p.subdivision_id) as subdivision_id, coalesce(n.roof_material, p.roof_material) as roof_material, coalesce(n.roof_sqft, p.roof_sqft) as roof_sqft,
         coalesce(n.has_mortgage, p.has_mortgage) as has_mortgage, coalesce(n.has_liens, p.has_liens) as has_liens,
         coalesce(n.recent_refinance, p.recent_refinance) as recent_refinance, coalesce(n.recent_heloc, p.recent_heloc) as recent_heloc,
         case when n.lat is not null and n.lng is not null then cast(:located_by as text) else p.located_by end as located_by
    from news n
    join app.properties p on p.id = n.property_id
   cross join lateral (
         select n.kept_hash is not null and (p.addr_hash is null or p.addr_hash like 'shared:%') as takes_address,
                n.last_sale_date is not null and n.last_sale_date >= coalesce(p.last_sale_date, n.last_sale_date)
                  or (p.last_sale_date is null and n.last_sale_price is not null) as newer_sale,
                coalesce(n.owner_full_name, n.owner_company) is not null as owner, n.mailing_line1 is not null as mailing) x
)
update app.properties p set mak = m.mak, apn = m.apn, apn_raw = m.apn_raw, state = m.state, county = m.county, addr_hash = m.addr_hash, address_line1 = m.address_line1, address_line2 = m.address_line2,
       city = m.city, postal_code = m.postal_code, zip4 = m.zip4, lat = m.lat, lng = m.lng, land_use = m.land_use, year_built = m.year_built, bedrooms = m.bedrooms, bathrooms = m.bathrooms,
       building_sqft = m.building_sqft, lot_sqft = m.lot_sqft, property_value = m.property_value, estimated_equity = m.estimated_equity, mortgage_balance = m.mortgage_balance,
       last_sale_date = m.last_sale_date, last_sale_price = m.last_sale_price, owner_occupied = m.owner_occupied, owner_first_name = m.owner_first_name, owner_last_name = m.owner_last_name,
       owner_full_name = m.owner_full_name, owner_company = m.owner_company, mailing_line1 = m.mailing_line1, mailing_line2 = m.mailing_line2, mailing_city = m.mailing_city,
       mailing_state = m.mailing_state, mailing_postal_code = m.mailing_postal_code, subdivision_id = m.subdivision_id, roof_material = m.roof_material,
       roof_sqft = m.roof_sqft, has_mortgage = m.has_mortgage, has_liens = m.has_liens, recent_refinance = m.recent_refinance, recent_heloc = m.recent_heloc, located_by = m.located_by
  from merged m
 where p.id = m.id
   and (p.mak, p.apn, p.apn_raw, p.state, p.county, p.addr_hash, p.address_line1, p.address_line2, p.city, p.postal_code, p.zip4, p.lat, p.lng, p.land_use, p.year_built, p.bedrooms, p.bathrooms,
        p.building_sqft, p.lot_sqft, p.property_value, p.estimated_equity, p.mortgage_balance, p.last_sale_date, p.last_sale_price, p.owner_occupied, p.owner_first_name, p.owner_last_name,
        p.owner_full_name, p.owner_company, p.mailing_line1, p.mailing_line2, p.mailing_city, p.mailing_state, p.mailing_postal_code,
        p.subdivision_id, p.roof_material, p.roof_sqft, p.has_mortgage, p.has_liens, p.recent_refinance, p.recent_heloc, p.located_by)
       is distinct from
       (m.mak, m.apn, m.apn_raw, m.state, m.county, m.addr_hash, m.address_line1, m.address_line2, m.city, m.postal_code, m.zip4, m.lat, m.lng, m.land_use, m.year_built, m.bedrooms, m.bathrooms,
        m.building_sqft, m.lot_sqft, m.property_value, m.estimated_equity, m.mortgage_balance, m.last_sale_date, m.last_sale_price, m.owner_occupied, m.owner_first_name, m.owner_last_name,
        m.owner_full_name, m.owner_company, m.mailing_line1, m.mailing_line2, m.mailing_city, m.mailing_state, m.mailing_postal_code,
        m.subdivision_id, m.roof_material, m.roof_sqft, m.has_mortgage, m.has_liens, m.recent_refinance, m.recent_heloc, m.located_by);

-- name: see_properties
insert into app.property_seen as s (org_id, property_id, first_seen_at, last_seen_at, content_hash)
select cast(:org_id as int), property_id, app.now(), app.now(), content_hash from seen order by property_id
on conflict (org_id, property_id) do update
   set last_seen_at = excluded.last_seen_at, times_seen = s.times_seen + 1, content_hash = excluded.content_hash;

-- name: name_properties
-- Ids that the source gives the places; an id stays with the place that had it first.
insert into app.property_vendor_ids (org_id, source, vendor_record_id, vendor_list_id, property_id, first_seen_at)
select distinct on (i.vendor_record_id) cast(:org_id as int), cast(:source as text), i.vendor_record_id, i.vendor_list_id, t.property_id, app.now()
  from keyed k
  join incoming i on i.row_number = k.row_number
  join placed d on d.row_number = k.row_number
  join seen t on t.place = d.place
 where k.vendor is not null
 order by i.vendor_record_id, k.row_number
on conflict do nothing;

-- name: insert_leads
insert into app.leads (org_id, id, playbook, property_id, contact_id, source, vendor_record_id, vendor_list_id, upload_id, row_number, first_seen_at, last_seen_at, facts_changed_at, updated_at)
select cast(:org_id as int), t.lead_id, cast(:playbook as text), t.property_id, t.contact_id, cast(:source as text), v.vendor_record_id, i.vendor_list_id,
       cast(:upload_id as uuid), t.first_row, app.now(), app.now(), app.now(), app.now()
  from touched t
  join incoming i on i.row_number = t.first_row
  left join app.property_vendor_ids v on v.source = cast(:source as text) and v.vendor_record_id = i.vendor_record_id and v.property_id = t.property_id
 where t.lead_is_new
 order by t.property_id;

-- name: update_leads
-- Seen again. Another owner (not another spelling) before anybody was written to: the lead starts over with the new one.
with others as (
  select t.lead_id
    from touched t
    join app.contacts n on n.id = t.contact_id
    join app.contacts c on c.id = t.known_contact_id
   where t.contact_id <> t.known_contact_id and coalesce(c.last_name, c.company) is not null
     and lower(coalesce(c.last_name, c.company)) is distinct from lower(coalesce(n.last_name, n.company))
), again as (
  select t.lead_id, t.changed, t.contact_id, t.known_contact_id, o.lead_id is not null as other
    from touched t left join others o on o.lead_id = t.lead_id
   where not t.lead_is_new
)
update app.leads l set last_seen_at = app.now(), updated_at = app.now(),
       facts_changed_at = case when t.changed then app.now() else l.facts_changed_at end,
       contact_id = case when t.other and l.campaign_status = 'new' and l.contact_id = t.known_contact_id then t.contact_id else coalesce(l.contact_id, t.contact_id) end,
       waterfall_step = case when t.other and l.campaign_status = 'new' and l.contact_id = t.known_contact_id then 0 else l.waterfall_step end,
       waterfall_exhausted_at = case when t.other and l.campaign_status = 'new' and l.contact_id = t.known_contact_id then null else l.waterfall_exhausted_at end
  from again t
 where l.id = t.lead_id;

-- name: own_places
-- Who owns a place that we knew before. Another spelling of the name is no other owner.
update app.properties p set owner_contact_id = t.contact_id
  from seen s
  join touched t on t.place = s.place
  left join app.contacts n on n.id = t.contact_id
  left join app.contacts c on c.id = t.known_contact_id
 where not s.is_new and p.id = t.property_id and p.owner_contact_id is distinct from t.contact_id
   and (t.known_contact_id is null or p.owner_contact_id is null
        or (coalesce(c.last_name, c.company) is not null and lower(coalesce(c.last_name, c.company)) is distinct from lower(coalesce(n.last_name, n.company))));

-- name: make_points
-- The phones and emails of the file, with the lead they came with.
create temp table points on commit drop as
select t.place, e.value ->> 0 as kind, e.value ->> 1 as sealed, e.value ->> 2 as line_type,
       coalesce(cast(e.value ->> 3 as boolean), false) as dnc, coalesce(i.litigator, false) as litigator, i.row_number
  from incoming i
  join placed d on d.row_number = i.row_number
  join touched t on t.place = d.place
 cross join lateral jsonb_array_elements(cast(i.points as jsonb)) e(value)
 where i.points is not null;

-- name: analyze_points
analyze points;

-- name: make_nameless_owners
-- A phone or email without an owner's name still belongs to somebody.
with made as (
  insert into app.contacts (org_id, owner_key, source, created_at)
  select distinct cast(:org_id as int), 'lead:' || l.id, cast(:source as text), app.now()
    from points p join touched t on t.place = p.place join app.leads l on l.id = t.lead_id where l.contact_id is null
  on conflict (org_id, owner_key) do update set source = contacts.source
  returning id, owner_key
)
update app.leads l set contact_id = made.id from made where l.contact_id is null and l.id = cast(substr(made.owner_key, 6) as uuid);

-- name: know_contacts
-- Who the lead's contact is, which need not be the owner that the file names.
update touched t set contact_id = l.contact_id from app.leads l where l.id = t.lead_id and l.contact_id is distinct from t.contact_id;

-- name: make_nameless_owners_of_places
with made as (
  insert into app.contacts (org_id, owner_key, source, created_at)
  select distinct cast(:org_id as int), 'place:' || p.id, cast(:source as text), app.now()
    from points x join touched t on t.place = x.place join app.properties p on p.id = t.property_id where p.owner_contact_id is null
  on conflict (org_id, owner_key) do update set source = contacts.source
  returning id, owner_key
)
update app.properties p set owner_contact_id = made.id from made where p.owner_contact_id is null and p.id = cast(substr(made.owner_key, 7) as bigint);

-- name: know_owners
-- Who owns the place by our books, who need not be spelt as the file spells the owner.
update touched t set contact_id = p.owner_contact_id from app.properties p where p.id = t.property_id and p.owner_contact_id is distinct from t.contact_id;

-- name: merge_points
with made as (
  insert into app.contact_points as c (org_id, contact_id, kind, value, source, line_type, dnc_listed, dnc_checked_at, added_at)
  select distinct on (t.contact_id, p.kind, p.sealed) cast(:org_id as int), t.contact_id, p.kind, p.sealed, cast(:source as text),
         case when p.kind = 'phone' then coalesce(p.line_type, 'unknown') end, case when p.dnc then true end, case when p.dnc then app.now() end, app.now()
    from points p join touched t on t.place = p.place
   order by t.contact_id, p.kind, p.sealed, p.dnc desc, p.row_number desc
  on conflict (org_id, contact_id, kind, value) do update
     set dnc_listed = true, dnc_checked_at = app.now() where excluded.dnc_listed and c.dnc_listed is distinct from true
  returning contact_id
)
update app.leads l set facts_changed_at = app.now() from (select distinct contact_id from made) m
 where l.contact_id = m.contact_id and l.facts_changed_at < app.now();

-- name: suppress_litigators
-- On a litigator list: the person, and each phone and email that came with the mark.
insert into app.suppressions (org_id, kind, value, contact_id, reason, method, actor, created_at)
select cast(:org_id as int), 'contact', null, t.contact_id, 'SUPP_LEGAL', 'file', cast(:actor as text), app.now()
  from touched t where t.contact_id is not null and t.first_row in (select row_number from incoming where litigator)
 group by t.contact_id
union all
select cast(:org_id as int), p.kind, p.sealed, null, 'SUPP_LEGAL', 'file', cast(:actor as text), app.now() from points p where p.litigator group by p.kind, p.sealed
on conflict do nothing;

-- name: write_outcomes
insert into app.upload_rows (org_id, upload_id, row_number, outcome, property_id, first_row, note)
select cast(:org_id as int), cast(:upload_id as uuid), d.row_number, d.outcome, t.property_id, case when d.outcome = 'duplicate_in_file' then d.first_row end, i.note
  from placed d join touched t on t.place = d.place join incoming i on i.row_number = d.row_number;

-- name: write_diary
-- A line per lead; places without one are told of in one line by who brought them.
insert into app.pipeline_events (org_id, at, lead_id, upload_id, event_type, stage, details)
select cast(:org_id as int), app.now(), t.lead_id, cast(:upload_id as uuid), e.event_type, e.stage, jsonb_build_object('row', t.first_row)
  from touched t
 cross join lateral (values ('upload_received', 'intake', t.lead_is_new and cast(:makes_leads as boolean)), ('dedupe_success', 'identity', t.lead_is_new and cast(:makes_leads as boolean)), ('lead_updated', 'identity', not t.lead_is_new and t.changed)) e(event_type, stage, happened)
 where e.happened
 order by t.place, e.event_type desc;

-- name: counts
select count(*) filter (where outcome = 'inserted') as inserted, count(*) filter (where outcome = 'updated') as updated,
       count(*) filter (where outcome = 'duplicate_in_file') as duplicate_in_file, (select count(*) from touched where lead_is_new) as leads
  from placed;
