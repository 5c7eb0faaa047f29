-- More of what the database itself refuses or mends, room by room.

-- Contagion: what is known of a place hangs on its town too, so that a place of another town is scored again.
drop trigger trg_count_property_version on app.properties;
create trigger trg_count_property_version
  before update of city, state, lat, lng, year_built, subdivision_id, property_value, estimated_equity, mortgage_balance, has_liens, recent_refinance, recent_heloc, merged_into on app.properties
  for each row when ((old.city, old.state, old.lat, old.lng, old.year_built, old.subdivision_id, old.property_value, old.estimated_equity, old.mortgage_balance, old.has_liens, old.recent_refinance, old.recent_heloc, old.merged_into)
    is distinct from (new.city, new.state, new.lat, new.lng, new.year_built, new.subdivision_id, new.property_value, new.estimated_equity, new.mortgage_balance, new.has_liens, new.recent_refinance, new.recent_heloc, new.merged_into))
  execute function app.count_property_version();

-- Scans: a page of a search names the scan that bought it. Of earlier ones that is the scan that had begun last.
alter table app.vendor_calls add column area_scan_id bigint, add foreign key (org_id, area_scan_id) references app.area_scans (org_id, id) on delete set null (area_scan_id);
create index vendor_calls_scan on app.vendor_calls (org_id, area_scan_id) where area_scan_id is not null;
update app.vendor_calls v set area_scan_id = (
  select s.id from app.area_scans s
   where s.org_id = v.org_id and s.playbook = v.playbook and s.scan_parameters->>'search' = 'true' and v.reserved_at between s.started_at and coalesce(s.completed_at, app.now())
   order by s.started_at desc, s.id desc limit 1)
 where v.stage = 'intake';
select app.describe('vendor_calls', 'The ledger and the lease in one: whoever inserts the row may make the paid call, nobody else, ever, within the window.', $$
area_scan_id: scan that it was bought for
$$);
