-- Only where an org finds its leads on the map: it has loaded places, follows a portal, or has ordered a scan. Nobody else's
-- list is shown to a geocoder. While the geocoder is in trouble ('geocoder' on hold), nothing is due.
create view app.geocoding_due with (security_invoker = true) as
select p.org_id, p.id, p.address_line1, p.city, p.state, p.postal_code from app.properties p
 where p.lat is null and p.address_line1 is not null and p.merged_into is null
   and p.org_id in (select org_id from app.uploads where not makes_leads union all select org_id from app.permit_sources union all select org_id from app.area_scans)
   and not exists (select 1 from app.geocodings g where g.org_id = p.org_id and g.property_id = p.id)
   and not exists (select 1 from app.on_hold h where h.org_id = p.org_id and h.stage = 'intake.locating' and h.item in ('geocoder', p.id::text));
comment on view app.geocoding_due is 'Places without coordinates that no geocoder was asked about.';
