-- name: both
select p.*, s.first_seen_at, s.last_seen_at, s.times_seen
  from app.properties p left join app.property_seen s on s.org_id = p.org_id and s.property_id = p.id
 where p.id in (:keep, :gone) for update of p;

-- name: point_to
update app.properties set merged_into = cast(:keep as bigint) where id = :gone;

-- name: chains_follow
-- What had gone into the one that goes now follows it.
update app.properties set merged_into = :keep where merged_into = :gone returning id;

-- name: fill_keep
-- Keys and facts that the kept place lacks. The other one has let go of its keys already.
update app.properties k set
       mak = coalesce(k.mak, g.mak),
       apn = coalesce(k.apn, g.apn), apn_raw = case when k.apn is null then coalesce(g.apn_raw, k.apn_raw) else k.apn_raw end,
       state = case when k.apn is null and g.apn is not null then g.state else coalesce(k.state, g.state) end,
       county = case when k.apn is null and g.apn is not null then g.county else coalesce(k.county, g.county) end,
       addr_hash = case when x.takes_address then g.addr_hash else k.addr_hash end,
       address_line1 = case when x.takes_address then g.address_line1 else coalesce(k.address_line1, g.address_line1) end,
       address_line2 = case when x.takes_address then g.address_line2 else k.address_line2 end,
       city = case when x.takes_address then g.city else coalesce(k.city, g.city) end,
       postal_code = case when x.takes_address then g.postal_code else coalesce(k.postal_code, g.postal_code) end,
       zip4 = coalesce(k.zip4, g.zip4), lat = coalesce(k.lat, g.lat), lng = case when k.lat is null then g.lng else k.lng end,
       land_use = coalesce(k.land_use, g.land_use), year_built = coalesce(k.year_built, g.year_built), bedrooms = coalesce(k.bedrooms, g.bedrooms), bathrooms = coalesce(k.bathrooms, g.bathrooms),
       building_sqft = coalesce(k.building_sqft, g.building_sqft), lot_sqft = coalesce(k.lot_sqft, g.lot_sqft), property_value = coalesce(k.property_value, g.property_value),
       estimated_equity = coalesce(k.estimated_equity, g.estimated_equity), mortgage_balance = coalesce(k.mortgage_balance, g.mortgage_balance), owner_occupied = coalesce(k.owner_occupied, g.owner_occupied),
       located_by = case when k.lat is null then g.located_by else k.located_by end,
       subdivision_id = coalesce(k.subdivision_id, g.subdivision_id), roof_material = coalesce(k.roof_material, g.roof_material), roof_sqft = coalesce(k.roof_sqft, g.roof_sqft), has_mortgage = coalesce(k.has_mortgage, g.has_mortgage),
       has_liens = coalesce(k.has_liens, g.has_liens), recent_refinance = coalesce(k.recent_refinance, g.recent_refinance), recent_heloc = coalesce(k.recent_heloc, g.recent_heloc), owner_contact_id = coalesce(k.owner_contact_id, g.owner_contact_id)
  from app.properties g
 cross join lateral (select g.addr_hash not like 'shared:%') held(is_hash)
 cross join lateral (select held.is_hash and exists (select 1 from app.properties q where q.id = :keep and (q.addr_hash is null or q.addr_hash like 'shared:%')) as takes_address) x
 where k.id = :keep and g.id = :gone;

-- name: seen_together
update app.property_seen k set first_seen_at = least(k.first_seen_at, g.first_seen_at), last_seen_at = greatest(k.last_seen_at, g.last_seen_at), times_seen = k.times_seen + g.times_seen
  from app.property_seen g where k.property_id = :keep and g.property_id = :gone;

-- name: move_vendor_ids
update app.property_vendor_ids set property_id = :keep where property_id = :gone returning source, vendor_record_id;

-- name: leads_of_both
select l.*, c.first_name, c.last_name, c.company
  from app.leads l left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
 where l.property_id in (:keep, :gone) and l.merged_into is null order by l.first_seen_at, l.id for update of l;

-- name: retire_lead
update app.leads set merged_into = cast(:winner as uuid), updated_at = app.now() where id = cast(:loser as uuid);

-- name: settle_lead
update app.leads set property_id = :keep, contact_id = coalesce(contact_id, :contact_id), consent = :consent, campaign_status = cast(:campaign_status as app.campaign_status),
       facts_changed_at = app.now(), updated_at = app.now()
 where id = cast(:winner as uuid);

-- name: move_lead
update app.leads set property_id = :keep, facts_changed_at = app.now(), updated_at = app.now() where id = cast(:winner as uuid);

-- name: unite_suppressions
insert into app.suppressions (org_id, kind, contact_id, reason, channels, method, actor, created_at)
select s.org_id, 'contact', cast(:winner_contact as bigint), s.reason, s.channels, s.method, 'merge', app.now()
  from app.suppressions s where s.kind = 'contact' and s.contact_id = :loser_contact and s.lifted_at is null
on conflict do nothing;

-- name: unite_marks
update app.contacts w set is_deceased = w.is_deceased or o.is_deceased, is_litigator = w.is_litigator or o.is_litigator, do_not_mail = w.do_not_mail or o.do_not_mail,
       needs_review_since = coalesce(w.needs_review_since, o.needs_review_since), review_reason = coalesce(w.review_reason, o.review_reason)
  from app.contacts o where w.id = :winner_contact and o.id = :loser_contact;

-- name: copy_points
insert into app.contact_points (org_id, contact_id, kind, value, source, vendor_call_id, score, verified, status, line_type, codes, verified_at, line_type_checked_at, dnc_listed, dnc_checked_at, soft_bounces, bounced_at, is_invalid, replaced_at, added_at)
select org_id, :winner_contact, kind, value, source, vendor_call_id, score, verified, status, line_type, codes, verified_at, line_type_checked_at, dnc_listed, dnc_checked_at, soft_bounces, bounced_at, is_invalid, replaced_at, added_at
  from app.contact_points where contact_id = :loser_contact
on conflict (org_id, contact_id, kind, value) do nothing returning id;

-- name: revoke_consents
update app.consents set revoked_at = app.now(), revoked_by = 'merge' where lead_id = any(cast(:leads as uuid[])) and revoked_at is null returning id;

-- name: record
insert into app.property_merges (org_id, kept_id, gone_id, reason, before) values (cast(:org_id as int), :keep, :gone, :reason, cast(:before as jsonb)) returning id;

-- name: recorded
select id, kept_id, gone_id, before, undone_at from app.property_merges where id = :merge_id for update;

-- name: later_merge
select 1 from app.property_merges where undone_at is null and id > :merge_id and (kept_id in (:keep, :gone) or gone_id in (:keep, :gone)) limit 1;

-- name: give_back
-- The kept place gives back what it had from the other one and nobody has changed since.
update app.properties k set
       mak = case when cast(:before as jsonb) ->> 'mak' is null and k.mak = g.mak then null else k.mak end,
       apn = case when x.apn then null else k.apn end, apn_raw = case when x.apn then cast(:before as jsonb) ->> 'apn_raw' else k.apn_raw end,
       state = case when x.apn then cast(:before as jsonb) ->> 'state' else k.state end, county = case when x.apn then cast(:before as jsonb) ->> 'county' else k.county end,
       addr_hash = case when x.address then cast(:before as jsonb) ->> 'addr_hash' else k.addr_hash end,
       address_line1 = case when x.address then cast(:before as jsonb) ->> 'address_line1' else k.address_line1 end,
       address_line2 = case when x.address then cast(:before as jsonb) ->> 'address_line2' else k.address_line2 end,
       city = case when x.address then cast(:before as jsonb) ->> 'city' else k.city end,
       postal_code = case when x.address then cast(:before as jsonb) ->> 'postal_code' else k.postal_code end,
       zip4 = case when cast(:before as jsonb) ->> 'zip4' is null and k.zip4 = g.zip4 then null else k.zip4 end,
       lat = case when cast(:before as jsonb) ->> 'lat' is null and k.lat = g.lat then null else k.lat end,
       lng = case when cast(:before as jsonb) ->> 'lat' is null and k.lng = g.lng then null else k.lng end,
       land_use = case when cast(:before as jsonb) ->> 'land_use' is null and k.land_use = g.land_use then null else k.land_use end,
       year_built = case when cast(:before as jsonb) ->> 'year_built' is null and k.year_built = g.year_built then null else k.year_built end,
       bedrooms = case when cast(:before as jsonb) ->> 'bedrooms' is null and k.bedrooms = g.bedrooms then null else k.bedrooms end,
       bathrooms = case when cast(:before as jsonb) ->> 'bathrooms' is null and k.bathrooms = g.bathrooms then null else k.bathrooms end,
       building_sqft = case when cast(:before as jsonb) ->> 'building_sqft' is null and k.building_sqft = g.building_sqft then null else k.building_sqft end,
       lot_sqft = case when cast(:before as jsonb) ->> 'lot_sqft' is null and k.lot_sqft = g.lot_sqft then null else k.lot_sqft end,
       property_value = case when cast(:before as jsonb) ->> 'property_value' is null and k.property_value = g.property_value then null else k.property_value end,
       estimated_equity = case when cast(:before as jsonb) ->> 'estimated_equity' is null and k.estimated_equity = g.estimated_equity then null else k.estimated_equity end,
       mortgage_balance = case when cast(:before as jsonb) ->> 'mortgage_balance' is null and k.mortgage_balance = g.mortgage_balance then null else k.mortgage_balance end,
       owner_occupied = case when cast(:before as jsonb) ->> 'owner_occupied' is null and k.owner_occupied = g.owner_occupied then null else k.owner_occupied end,
       located_by = case when cast(:before as jsonb) ->> 'lat' is null and k.lat = g.lat then cast(:before as jsonb) ->> 'located_by' else k.located_by end,
       subdivision_id = case when cast(:before as jsonb) ->> 'subdivision_id' is null and k.subdivision_id = g.subdivision_id then null else k.subdivision_id end,
       roof_material = case when cast(:before as jsonb) ->> 'roof_material' is null and k.roof_material = g.roof_material then null else k.roof_material end,
       roof_sqft = case when cast(:before as jsonb) ->> 'roof_sqft' is null and k.roof_sqft = g.roof_sqft then null else k.roof_sqft end,
       has_mortgage = case when cast(:before as jsonb) ->> 'has_mortgage' is null and k.has_mortgage = g.has_mortgage then null else k.has_mortgage end,
       has_liens = case when cast(:before as jsonb) ->> 'has_liens' is null and k.has_liens = g.has_liens then null else k.has_liens end,
       recent_refinance = case when cast(:before as jsonb) ->> 'recent_refinance' is null and k.recent_refinance = g.recent_refinance then null else k.recent_refinance end,
       recent_heloc = case when cast(:before as jsonb) ->> 'recent_heloc' is null and k.recent_heloc = g.recent_heloc then null else k.recent_heloc end,
       owner_contact_id = case when cast(:before as jsonb) ->> 'owner_contact_id' is null and k.owner_contact_id = g.owner_contact_id then null else k.owner_contact_id end
  from app.properties g
 cross join lateral (select cast(:before as jsonb) ->> 'apn' is null as apn, cast(:before as jsonb) ->> 'addr_hash' is distinct from
     (select q.addr_hash from app.properties q where q.id = :keep) as address) x
 where k.id = :keep and g.id = :gone;

-- name: revive
update app.properties set merged_into = null where id = :gone;

-- name: chains_return
update app.properties set merged_into = :gone where id = any(cast(:ids as bigint[])) and merged_into = :keep;

-- name: return_vendor_ids
update app.property_vendor_ids set property_id = :gone where source = :source and vendor_record_id = :vendor_record_id;

-- name: return_lead
update app.leads set merged_into = null, property_id = :property_id, consent = :consent, facts_changed_at = app.now(), updated_at = app.now() where id = cast(:lead_id as uuid);

-- name: return_seen
update app.property_seen set first_seen_at = cast(:first_seen_at as timestamptz), times_seen = greatest(times_seen - :times, 1) where property_id = :keep;

-- name: void_points
update app.contact_points set is_invalid = true where id = any(cast(:ids as bigint[]));

-- name: restore_consents
update app.consents set revoked_at = null, revoked_by = null where id = any(cast(:ids as uuid[])) and revoked_by = 'merge';

-- name: mark_undone
update app.property_merges set undone_at = app.now() where id = :merge_id;
