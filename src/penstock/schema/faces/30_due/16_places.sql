create view app.geocoding_due with (security_invoker = true) as
select org_id, id from app.properties where false;
comment on view app.geocoding_due is 'Places without coordinates that no geocoder was asked about.';
