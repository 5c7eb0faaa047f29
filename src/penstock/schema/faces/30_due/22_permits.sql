create view app.permits_due with (security_invoker = true) as
select org_id, id from app.building_permits where matched_at is null
union all
select org_id, id from app.places_arrived;
comment on view app.permits_due is 'Permits whose place is not decided, and arrivals of places that permits have not been told of.';
